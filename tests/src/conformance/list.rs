//! All behaviours of the suite.

/// Hands all behaviours to a macro, as `subject { name name .. }` for every
/// module of [`conformance`](mod@crate::conformance).
///
/// ```
/// macro_rules! count {
///     ($($subject:ident { $($name:ident)* })*) => {
///         [$((stringify!($subject), [$(stringify!($name)),*].len())),*]
///     };
/// }
/// for (subject, behaviours) in netaio_tests::conformance!(count) {
///     println!("{subject}: {behaviours}");
/// }
/// ```
#[macro_export]
macro_rules! conformance {
    ($run:ident) => {
        $run! {
            acquaintances {
                client_and_server_introduce_themselves
                management_begins_and_stops_at_any_time
                a_client_has_a_peer_at_each_server
                a_peer_that_cannot_be_introduced_is_an_error_at_once
            }
            addresses {
                a_name_is_listened_on_at_all_its_addresses
                a_wildcard_is_of_both_families
                a_black_hole_is_not_waited_for
                every_failed_attempt_is_told
                one_that_hangs_up_is_given_up
                answers_leave_from_where_they_were_asked
                each_of_several_questions_has_its_own_source
                datagrams_go_by_one_form_of_an_address
                a_name_is_bound_at_all_its_addresses
                what_cannot_leave_fails_at_once
            }
            undelivered {
                what_nobody_receives_fails_at_once
                who_does_not_listen_waits
            }
            aead {
                secrets_change_without_a_stop
                clients_of_one_program_share_a_plugin
                a_recorded_message_is_taken_once
                datagrams_are_taken_once_and_not_back
                empty_secrets_are_refused_in_it
            }
            bursts {
                a_burst_arrives_once_and_in_order
                a_burst_of_all_lengths_arrives_whole
                answers_to_a_burst_leave_from_where_they_were_asked
                what_cannot_leave_keeps_no_other
                a_part_of_a_burst_is_taken
                what_nobody_receives_costs_no_other
            }
            requests {
                every_kind_of_request_is_answered
                plain_replies_take_the_usual_type
                every_error_type_is_an_answer
                an_unusual_answer_ends_a_request
                the_default_answer_reaches_the_requester
                a_default_handler_of_ones_own_answers
                an_anonymous_error_ends_the_only_request
                an_anonymous_error_ends_none_of_several
                uris_and_contents_are_any_bytes
                a_message_that_cannot_be_sent_is_an_error_at_once
                who_returns_nothing_has_answered
                a_request_without_an_answer_times_out
                a_request_that_cannot_be_written_times_out
                timeouts_end_the_requests_they_belong_to
                custom_message_types_work_once_registered
                one_request_too_many_waits_for_a_place
                a_dropped_request_makes_room_for_one_that_waits
                a_client_without_a_server_says_so
            }
            handlers {
                the_most_specific_key_wins
                keys_of_ones_own_are_found_in_their_order
                handlers_change_while_connections_are_served
                a_one_time_handler_takes_one_message
                a_one_time_handler_is_called_once_by_many
                handlers_return_many_things
                a_panic_is_an_error_and_the_connection_lives
                what_a_panic_leaves_harms_nobody
                a_reply_that_cannot_be_sent_is_an_error
                a_handler_may_ask_its_client
                a_handlers_own_request_times_out
                handlers_wait_for_a_free_place
                a_place_that_nobody_keeps_is_passed_on
            }
            extractors {
                each_extractor_hands_over_its_part
                each_of_several_has_the_whole_part
                handlers_take_up_to_eight
                a_rejected_argument_is_the_reply
                handlers_share_state
            }
            middlewares {
                all_messages_pass_what_is_set_for_all
                middleware_stands_in_its_order
                an_answer_has_the_uri_that_was_asked_for
                a_handler_behind_many_is_polled_once_in_its_turn
                a_router_is_nested_under_a_text
                the_ready_ones_limit_time_and_number
                the_ready_one_limits_the_rate
                clients_and_nodes_have_middleware
            }
            wildcards {
                a_wildcard_is_told_of_what_matches
                a_node_grants_wildcards
                a_stream_of_a_wildcard_has_what_matches
                a_wildcard_counts_once_it_is_confirmed
                a_slow_stream_of_a_wildcard_says_what_it_has_lost
            }
            extensions {
                an_extension_stays_with_its_connection
                the_last_argument_may_be_async
                a_remote_says_what_vouches_for_it
            }
            formats {
                values_cross_in_their_format
                an_err_is_no_success
            }
            layers {
                every_pair_of_layers_carries_messages
                sealed_messages_hide_their_content
                a_wrong_secret_is_an_auth_error
                a_silent_server_says_nothing_to_strangers
                a_recorded_frame_passes_once
                an_auth_error_handler_decides
                a_failed_inner_check_never_reaches_the_handler
                a_failed_inner_check_is_an_auth_error
                an_answer_must_pass_the_requests_inner_layer
                a_one_time_handler_survives_a_forgery
                what_cannot_be_decrypted_is_dropped
                options_leave_plugins_out
                an_empty_secret_is_refused_at_the_start
                layers_that_clash_are_refused
                too_many_failed_checks_close_the_connection
            }
            covers {
                nodes_that_cover_understand_each_other
                a_strict_server_takes_nothing_else
                what_is_published_is_covered
                datagrams_are_not_taken_back
            }
            client {
                one_client_has_several_servers
                a_server_is_found_by_its_name
                servers_have_names_of_their_own
                a_default_server_is_preferred
                connecting_to_nobody_fails
                messages_nobody_asked_for_come_as_a_stream
                a_client_has_handlers_of_its_own
                a_clients_handler_may_panic
                a_clients_handler_may_ask_its_server
                closing_flushes_and_ends_what_waits
            }
            unsolicited {
                a_slow_subscriber_gets_everything
                a_stream_that_is_not_read_keeps_the_server_waiting
                a_request_is_answered_while_the_stream_is_full
                every_message_may_lead_to_a_request
                handlers_wait_behind_a_full_stream
                a_dropped_stream_keeps_nothing
                what_came_before_the_end_is_still_read
                a_lossy_stream_says_what_it_lost
                every_lossy_stream_gets_everything
                a_gap_is_told
                a_gap_among_datagrams_is_told
            }
            client_events {
                a_clients_connections_are_told
                a_clients_refused_messages_are_told
                a_clients_late_requests_are_told
                a_message_that_nobody_reads_is_told
                reconnecting_is_told
                giving_up_is_told
            }
            options {
                connections_do_without_outer_plugins
                both_ends_agree_or_nothing_passes
                a_broadcast_minds_what_connections_do_without
                a_known_seed_repeats_every_byte
            }
            timeouts {
                a_handler_is_told_what_timed_out
                only_timeouts_call_the_handler
                one_handler_runs_for_each_server
                handlers_are_cancelled
                dropping_a_client_cancels_its_handlers
                a_handler_of_timeouts_may_panic
                a_handler_of_timeouts_can_be_replaced
                a_handler_of_timeouts_may_use_its_client
            }
            late_datagrams {
                a_nodes_handler_is_told_what_timed_out
                a_nodes_handler_can_be_replaced
                a_nodes_handler_may_use_its_node
            }
            reconnecting {
                a_late_server_is_reconnected
                a_lost_server_is_reconnected
                a_server_that_stays_away_is_given_up
                what_was_closed_stays_closed
                losses_are_left_alone_where_wanted
                what_cannot_be_reconnected_is_let_go
                a_loss_during_the_callback_is_noticed
                reconnecting_by_hand_keeps_the_order
                a_client_that_reconnects_stays_a_peer
                a_servers_connection_cannot_be_reconnected
            }
            connectors {
                a_connector_is_as_good_as_tcp
                a_connector_has_so_much_time
                a_connector_may_take_another_way
                a_list_of_servers_is_as_good_as_one
                handshakes_keep_nobody_waiting
                a_listening_socket_is_handed_over
                a_listener_has_options
            }
            persistence {
                a_first_connection_is_tried_again
                a_first_connection_is_given_up
                a_first_connection_ends_with_the_client
                what_is_to_persist_is_reconnected
            }
            held_requests {
                requests_wait_or_fail_at_once
                subscriptions_wait_within_their_timeout
                idempotent_requests_are_made_again
                messages_wait_or_fail_at_once
            }
            several_servers {
                idempotent_requests_go_to_another_server
                several_servers_share_requests
            }
            flushes {
                a_flush_waits_for_what_was_sent
            }
            heartbeats {
                a_silent_server_is_asked_and_given_up
                a_server_at_work_is_not_given_up
            }
            subscriptions {
                a_stream_has_what_its_uri_is_notified_of
                a_refused_subscription_is_an_error
                handlers_come_before_streams
                a_slow_stream_says_what_it_has_lost
                streams_outlive_their_connection
                a_notification_confirms_too
                what_a_full_stream_loses_to_a_reconnection_is_told
                what_was_confirmed_is_asked_again
                streams_end_with_what_they_are_of
            }
            concurrency {
                a_thousand_requests_for_one_uri_cross_nothing
                many_connections_at_once
                answers_keep_the_order_of_requests
                dropped_requests_lose_and_cross_nothing
                half_of_the_requests_dropped
                dropped_futures_lose_nothing
                thousands_of_sends_wait_for_their_turn
                a_batch_of_many_turns
                a_flood_of_sends_starves_no_request
                a_flood_of_messages_starves_no_timeout
            }
            correlation {
                answers_overtake_one_another
                ids_go_out_unless_told_otherwise
                a_peer_that_ignores_ids_is_believed_in_order
                a_server_asks_with_ids_too
                errors_without_a_uri_find_their_requests
                datagrams_carry_ids
                what_cannot_work_is_refused
            }
            side_by_side {
                no_more_run_than_may
                all_connections_share_their_places
                what_has_no_id_keeps_its_place
                a_plain_peer_is_answered_in_order
                a_thousand_requests_side_by_side
                the_end_waits_for_all_handlers
            }
            late_answers {
                a_late_answer_ends_nothing
                no_request_gets_the_late_answer_of_another
                no_request_gets_the_late_datagram_of_another
                a_dropped_request_takes_no_place
                dropped_requests_cross_nothing
            }
            endings {
                a_server_that_is_gone_fails_requests_at_once
                a_handler_that_hangs_hides_no_end
                a_reset_is_the_remotes_going
                a_stream_that_fails_says_why
                an_ended_connection_refuses_at_once
                a_half_closed_client_gets_all_its_answers
                a_half_closed_client_that_is_asked_gets_its_answer
                a_handler_may_close_its_connection
                a_frame_that_does_not_end_closes_the_connection
                an_idle_connection_is_closed_where_wanted
                a_running_handler_keeps_a_connection
                a_panic_outside_of_handlers_ends_one_connection
                waiting_for_the_end_can_be_given_up
            }
            leavers {
                who_leaves_while_a_handler_runs_is_noticed_at_once
                as_many_leave_as_there_are_places_and_the_next_is_served
                a_handler_is_cancelled_with_its_asker_where_wanted
                who_leaves_during_a_stop_is_noticed
                a_server_that_leaves_while_a_handler_runs_is_reconnected
                a_stop_waits_for_the_handlers_of_those_who_left
                a_handler_that_takes_too_long_is_answered_for
            }
            life_cycle {
                an_address_that_is_taken_is_an_error
                a_stop_lets_handlers_finish
                a_stop_delivers_the_answers_that_were_made
                a_stop_lets_handlers_ask_their_clients
                a_stop_whose_time_is_up_cuts
                a_stop_does_not_wait_for_those_who_do_not_read
                what_has_come_at_the_end_of_a_stop_is_refused
                what_is_in_the_socket_at_the_end_of_a_stop_is_refused
                a_stopped_servers_address_is_free
                a_stop_that_is_given_up_goes_on
                dropping_the_last_handle_cuts
                dropping_a_client_cuts_its_connections
                no_more_connections_than_may_be
                a_server_that_stops_takes_no_more_streams
                a_server_speaks_first
            }
            events {
                who_comes_and_who_goes_is_told
                a_refused_connection_is_told
                a_stream_that_comes_too_late_is_told
                a_refused_message_is_told
                a_slow_consumer_is_told
                a_node_tells_what_it_refuses
                a_node_tells_what_it_loses
            }
            full_tables {
                a_silent_connection_gives_way_to_a_newcomer
                an_address_may_have_so_many_connections
                a_subscriber_of_a_crowd_gives_way_to_a_newcomer
                a_peer_of_a_crowd_gives_way_to_a_newcomer
            }
            halves {
                one_half_is_answered_while_the_other_is_handled
                one_half_asks_again_while_the_other_is_answered
            }
            hostile {
                garbage_closes_the_connection
                an_absent_auth_section_is_accepted
                a_frame_past_the_limit_is_not_waited_for
                a_bad_checksum_is_answered_unsealed
                the_error_for_a_bad_checksum_can_be_reworded
                a_client_ignores_a_bad_checksum
                bytes_may_come_one_by_one
                half_sent_frames_harm_nobody
                who_does_not_read_is_not_read_from
                who_does_not_read_gets_its_answers_later
                a_turn_is_of_so_many_frames
                an_endless_stream_starves_nobody
                an_endless_stream_starves_no_timeout
                the_reason_of_an_end_is_told
                connections_that_come_and_go_leave_nothing
            }
            publishing {
                subscribers_are_told_and_nobody_else
                a_broadcast_reaches_everybody
                the_server_lists_who_is_there
                a_subscription_ends_with_its_connection
                notifications_pass_the_layers
                a_subscriber_that_never_reads_is_cut
            }
            long_requests {
                long_contents_arrive_whole
                long_contents_arrive_whole_in_datagrams
                who_takes_none_is_too_small
                who_takes_no_parts_gets_short_ones_as_they_are
                a_request_goes_on_over_another_connection
            }
            long_streams {
                contents_and_answers_are_taken_as_they_come
                contents_and_answers_are_taken_as_they_come_in_datagrams
                a_reader_that_waits_holds_its_sender_back
                a_stream_goes_on_over_another_connection
                a_handler_may_end_before_its_stream
                a_stop_ends_handlers_that_wait_for_more
            }
            memory {
                the_connection_that_most_waits_for_is_cut
                half_sent_frames_of_strangers_give_way
                half_sent_frames_end_in_time
                requests_of_who_does_not_read_are_let_go
            }
            slow {
                a_backlog_that_stays_cuts_the_connection
                a_burst_that_is_read_in_time_is_kept
                the_oldest_news_makes_room_for_the_newest
                the_newest_news_is_dropped_where_wanted
                publishers_wait_for_slow_subscribers
                publishers_let_others_run
                one_that_never_reads_holds_nobody_up_for_ever
                the_last_frame_of_a_slow_consumer_is_whole
                one_that_takes_nothing_can_tell_that_it_was_cut
            }
            metrics {
                what_goes_in_and_out_is_counted
                every_message_is_counted
                times_are_measured_where_wanted
                refusals_are_counted_by_kind
                a_node_counts_its_datagrams
                a_node_counts_its_handlers
                a_slow_listener_is_told_what_it_lost
            }
            testing {
                a_server_is_called_without_a_socket
                a_call_that_nothing_answers_ends
                handlers_are_called_as_functions
                a_wire_is_cut
                a_network_loses_by_its_seed
                late_datagrams_are_overtaken
                a_group_is_of_all_hosts
                an_address_of_a_network_is_taken_once
                an_isolated_host_is_heard_when_it_is_back
                a_client_reconnects_through_a_network
            }
            streams {
                streams_of_every_temper_carry_messages
                a_stream_without_an_address_says_so
                nothing_is_read_into_while_nothing_comes
                a_server_may_listen_on_nothing
                large_bodies_cross_in_both_directions
                a_format_of_ones_own_moves_a_mebibyte
            }
            datagrams {
                datagrams_go_both_ways
                datagrams_are_appended
                the_largest_datagram_arrives_whole
                an_empty_datagram_arrives
                a_turn_takes_all_datagrams
                a_receive_given_up_loses_nothing
                a_socket_sends_while_it_receives
                a_datagram_to_nobody_ends_nothing
                an_address_is_shared_by_consent_only
                members_of_a_group_share_a_port
                an_address_and_a_group_go_together
                no_group_and_no_address_starves_the_other
                groups_are_heard_by_their_members_only
                interfaces_go_by_address_index_and_name
                options_that_cannot_be_met_are_errors
                datagrams_over_ipv6
                ipv6_leaves_ipv4_alone
                groups_are_joined_anew
                a_group_over_ipv6
                a_machines_own_addresses_are_known
            }
            nodes {
                every_kind_of_request_is_answered
                a_message_reaches_its_handler
                custom_message_types_work_once_registered
                requests_to_several_nodes_cross_nothing
                answers_with_ids_overtake_others
                an_answer_from_elsewhere_ends_nothing
                a_request_without_an_answer_times_out
                endless_datagrams_starve_nobody
                endless_sends_starve_nobody
                thousands_of_sends_wait_for_their_turn
                the_default_answer_reaches_the_requester
                a_default_handler_of_ones_own_answers
                an_anonymous_error_ends_the_only_request
                one_request_too_many_waits_for_a_place
                a_message_that_cannot_be_sent_is_an_error_at_once
                uris_and_contents_are_any_bytes
                nodes_speak_ipv6
            }
            node_handlers {
                slow_handlers_hold_nobody_up
                the_most_specific_key_wins
                keys_of_ones_own_are_found_in_their_order
                handlers_change_while_the_node_runs
                a_one_time_handler_takes_one_message
                each_extractor_hands_over_its_part
                a_panic_is_an_error_and_the_node_lives
                a_reply_that_cannot_be_sent_is_an_error
                handlers_wait_for_a_free_place
                a_handler_may_ask_while_others_wait
            }
            node_layers {
                every_pair_of_layers_carries_messages
                sealed_messages_hide_their_content
                a_wrong_secret_is_told_unsealed
                a_silent_node_says_nothing_to_strangers
                an_auth_error_handler_decides
                a_failed_inner_check_never_reaches_the_handler
                an_answer_must_pass_the_requests_inner_layer
                a_one_time_handler_survives_a_forgery
                what_cannot_be_decrypted_is_dropped
                options_leave_plugins_out
                layers_that_clash_are_refused
            }
            cookies {
                whoever_shows_nothing_is_answered_so_many_bytes
                many_short_runs_of_one_host_are_never_refused
                who_goes_on_is_never_asked_again
                a_recorded_introduction_is_answered_a_few_times
                subscribers_show_it_by_themselves
                answers_go_out_between_the_receivers_of_a_publication
                too_much_to_publish_is_refused
                who_is_not_sent_something_is_told
            }
            strangers {
                the_default_answers_to_a_stranger_are_few
                handlers_have_a_budget_of_their_own
                without_a_budget_strangers_hear_nothing
                what_stands_in_for_an_answer_has_its_budget
                a_secret_lifts_no_budget_and_a_cookie_does
                stray_answers_are_not_answered
                nodes_that_refuse_each_other_fall_silent
                short_datagrams_are_refused_and_long_ones_taken
                garbage_is_dropped
                a_bad_checksum_is_told_unsealed
                answers_to_strangers_are_no_longer_than_they_may_be
            }
            groups {
                a_multicast_reaches_every_other_member_once
                a_multicast_is_answered_by_everybody
                multicasts_pass_the_layers
                ones_own_multicasts_come_back_where_wanted
                nodes_share_a_port_by_consent
                groups_and_ports_can_be_chosen
                a_group_that_is_none_is_an_error
                nodes_meet_in_an_ipv6_group
            }
            node_publishing {
                subscribers_are_told_and_nobody_else
                a_broadcast_reaches_every_peer_once
                others_remotes_are_refused
                too_many_subscriptions_are_refused
                notifications_pass_the_layers
                a_message_for_many_is_sealed_once
                thousands_are_told
                publishers_wait_until_much_is_sent
                a_node_that_is_gone_tells_nobody
                handlers_serve_both_kinds_of_remotes
            }
            node_stops {
                a_stop_lets_handlers_finish
                a_stop_fails_what_waits
                a_stop_whose_time_is_up_gives_up
                a_stop_comes_through
                a_stop_that_is_given_up_goes_on
                dropping_the_last_handle_ends_a_node
                an_ended_node_refuses_at_once
                nothing_waits_for_a_node_that_is_gone
            }
            refusals {
                a_server_that_stops_refuses_what_comes
                a_stop_whose_time_is_up_tells_who_waits
                a_server_that_stops_reads_on_to_refuse
                a_node_that_stops_refuses_what_comes
                a_node_whose_time_to_stop_is_up_tells_who_waits
            }
            identities {
                who_is_there_is_asked_before_another_takes_its_address
                who_crashed_and_is_back_is_known_at_once
                a_timeout_under_two_periods_is_refused
            }
            introductions {
                who_is_introduced_is_known_until_it_leaves
                who_takes_the_place_of_another_is_told_too
            }
            node_subscriptions {
                a_node_has_streams_of_notifications
                handlers_of_a_node_come_before_streams
                a_dropped_stream_of_a_node_unsubscribes
                a_slow_stream_of_a_node_says_what_it_has_lost
                a_lease_that_runs_out_is_told_to_the_stream
            }
            leases {
                a_subscription_outlives_its_server
                a_server_forgets_who_is_gone
            }
            node_peers {
                nodes_find_one_another
                a_node_advertises_itself
                a_peer_changes
                a_peer_leaves
                a_silent_peer_is_missed
                every_valid_message_is_a_sign_of_life
                peers_can_be_kept_by_hand
            }
            refused_peers {
                nobody_speaks_for_another
                one_address_is_one_peer
                who_is_one_too_many_is_refused
                what_is_no_introduction_is_ignored
            }
            peer_management {
                app_ids_are_managed_apart
                management_has_a_layer_of_its_own
                what_cannot_be_introduced_is_an_error_at_once
                the_events_end_with_their_node
                who_is_gone_has_no_subscriptions
                plugins_find_their_peers
            }
            handler_panics {
                a_future_of_ones_own_may_panic
                a_clock_may_panic_after_a_handler
                a_handler_may_panic_twice
                what_a_close_drops_may_panic
            }
            panics {
                a_connection_ends_with_a_reason
                a_client_says_why_it_failed
                a_node_says_that_it_has_ended
                reconnecting_goes_on
                accepting_goes_on
            }
            patterns {
                a_pattern_captures_parts_of_the_uri
                patterns_that_conflict_are_refused
                a_node_has_patterns
            }
            server_peers {
                a_client_introduces_itself
                one_connection_is_one_peer
                a_server_tells_those_that_are_connected
                management_has_a_layer_of_its_own
                a_plugin_sees_the_peer_of_each_connection
                a_removed_peer_has_no_subscriptions
                a_peer_needs_a_connection
                the_events_end_with_their_server
                peers_that_come_and_go_leave_nothing
            }
        }
    };
}

#[cfg(test)]
mod tests {
    /// Every behaviour is listed: none is written and never run.
    #[test]
    fn every_behaviour_is_listed() {
        macro_rules! listed {
            ($($subject:ident { $($name:ident)* })*) => {
                [$((
                    stringify!($subject),
                    vec![$(stringify!($name)),*],
                    include_str!(concat!(stringify!($subject), ".rs")),
                )),*]
            };
        }
        for (subject, listed, source) in crate::conformance!(listed) {
            let written = source.lines().filter_map(|line| {
                let (name, _) = line.strip_prefix("pub async fn ")?.split_once('<')?;
                Some(name)
            });
            assert_eq!(written.collect::<Vec<_>>(), listed, "{subject}");
        }
    }
}
