"""What keeps the mail flowing by itself: who fetches when, who is alive, what is wrong, what is told to whom."""
