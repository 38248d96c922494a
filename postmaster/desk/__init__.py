"""The service desk: queues, system addresses, tickets and their articles."""
