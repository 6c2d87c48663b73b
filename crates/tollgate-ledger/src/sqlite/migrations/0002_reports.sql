-- Reports bring their own statement, which reads files of both versions.

DROP VIEW booked;
