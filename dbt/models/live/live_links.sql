{{ link_clicks(ref('int_events__by_recipient'), ref('int_events__judged')) }}
