"""The parts of a simulated A-share market, one idea a file; ``market.simulate`` composes them.

``sessions`` (calendar), ``universe`` (who is listed when), ``network`` (supply chain and concepts),
``shocks`` (volatility states and fat-tailed draws), ``planted`` (alpha), ``styles`` and ``reports``
(what a stock looks like), ``economy`` (fair returns), ``exchange`` (limits, ticks, ex-dates), ``bars``
(daily prices and volumes), ``indexes`` (three size bands) and ``truth`` (all that was planted).
"""
