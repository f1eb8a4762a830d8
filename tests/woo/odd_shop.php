<?php
/**
 * Plugin Name: What plugins do to a shop
 * Description: A status of an order of its own.
 */

add_action(
	'init',
	static fn() => register_post_status( 'wc-picking', array( 'label' => 'Picking', 'public' => true ) )
);
add_filter( 'wc_order_statuses', static fn( $statuses ) => $statuses + array( 'wc-picking' => 'Picking' ) );
