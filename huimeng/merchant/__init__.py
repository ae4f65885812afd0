"""The tenant: merchant, regions, stores, API keys, and the key that its members' data is encrypted under."""
