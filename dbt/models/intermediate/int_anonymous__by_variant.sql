-- Opens and clicks that name nobody, by variant.
{{ anonymous_counts(ref('int_events__judged'), ['account_id', 'campaign_id', 'variant_id']) }}
