<?php
/**
 * Plugin Name: What plugins do to a shop
 * Description: A status of an order of its own, and a payment method that pays back up to ten and refuses more.
 */

add_action(
	'init',
	static fn() => register_post_status( 'wc-picking', array( 'label' => 'Picking', 'public' => true ) )
);
add_filter( 'wc_order_statuses', static fn( $statuses ) => $statuses + array( 'wc-picking' => 'Picking' ) );

add_action(
	'plugins_loaded',
	static function () {
		if ( ! class_exists( 'WC_Payment_Gateway' ) ) {
			return;
		}
		class Odd_Shop_Gateway extends WC_Payment_Gateway {
			public function __construct() {
				$this->id           = 'pays-back';
				$this->method_title = 'Pays back';
				$this->title        = 'Pays back';
				$this->enabled      = 'yes';
				$this->supports     = array( 'products', 'refunds' );
			}

			public function process_refund( $order_id, $amount = null, $reason = '' ) {
				return $amount > 10 ? new WP_Error( 'too_much', 'The provider pays back no more than 10.' ) : true;
			}
		}
		add_filter( 'woocommerce_payment_gateways', static fn( $all ) => array_merge( $all, array( 'Odd_Shop_Gateway' ) ) );
	}
);
