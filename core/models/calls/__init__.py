"""What a call consists of, how calls end, and what sources report about them."""
