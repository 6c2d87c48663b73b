-- Reports bring their own statement.

DROP VIEW booked;
