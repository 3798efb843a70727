{{ performance(ref('int_events__by_recipient'), ['account_id', 'campaign_id', 'provider']) }}
