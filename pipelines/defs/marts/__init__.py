"""The answers, as dbt makes them."""
