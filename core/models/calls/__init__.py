"""What a call is made of, how calls end, and what sources report of them."""
