{{ bounces(ref('int_events__by_recipient')) }}
