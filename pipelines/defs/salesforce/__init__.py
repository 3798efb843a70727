"""People out of Salesforce, by what changed since the last pull."""
