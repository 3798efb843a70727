"""The post office: mailbox providers on loopback with people in them.

It takes mail for anybody, answers for each recipient as that person's mailbox would, and the people act through the
real addresses that stand in the mail. It judges the rest of Sillage, so it shares no code with it: what it knows of
mail comes from RFC 5321, 3464, 5965, 6068 and 8058, and its ledger says what it did.
"""
