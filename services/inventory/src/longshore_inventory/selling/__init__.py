"""What stores are asked to do with what they sell: prices, and whether a product is on the shelf."""
