"""How evidence comes in: asserted by services, or seen by the house itself.

`pushing` hears of facts and has them verified; `verifying` writes down what they prove and pays
what is complete; `withdrawing` takes back what is not true any more; `sweeping` repairs what was
lost.
"""
