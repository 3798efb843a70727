-- One row per conversion that is put down to a campaign. Counted anew in each build: a click that comes late or is
-- judged anew moves a conversion from one campaign to another, and there are few of them.
select
    *,
    {{ as_of_seq() }} as as_of_seq
from (
    {{ conversion_rows(ref('fct_engagements') ~ " where act = 'clicked'", ref('fct_recipient_activity')) }}
)
