-- One row per campaign and recipient, out of the events alone. A filter on campaign_id goes below the grouping.
{{ by_recipient(ref('int_events__judged')) }}
