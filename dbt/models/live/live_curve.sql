select * exclude (last_lake_seq) from (
    {{ firsts(ref('int_events__by_recipient')) }}
)
