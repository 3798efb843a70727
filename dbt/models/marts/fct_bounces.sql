with bounces as (
    {{ bounces(ref('fct_recipient_activity')) }}
)

select
    *,
    {{ as_of_seq() }} as as_of_seq
from bounces
