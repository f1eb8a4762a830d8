"""Single sign-on: people who log in at the organisation's own OpenID Connect provider."""
