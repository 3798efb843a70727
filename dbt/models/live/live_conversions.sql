{{ conversion_rows(ref('int_events__judged') ~ " where event_type = 'clicked'", ref('int_events__by_recipient')) }}
