{{ performance_since(['account_id', 'campaign_id']) }}
