"""What happened, for programs to read: events, written in the transaction that they tell of."""
