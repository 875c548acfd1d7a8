"""Options: one STORAGES entry or call becomes one frozen StorageOptions; no other room reads settings."""
