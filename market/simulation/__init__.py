"""The parts of a simulated A-share market, one idea a file; ``market.simulate`` composes them.

In the order in which they are used: ``sessions`` (calendar), ``universe`` (who is listed when),
``network`` (supply chain and concepts), ``shocks`` (volatility states and fat-tailed draws),
``turnover``, ``planted`` (alpha), ``reports`` (books and ex-dates), ``draws`` (all of these together),
``styles`` (exposures), ``economy`` (fair returns, day by day), ``shares`` and ``exchange`` (ticks, limits,
suspensions, ex-dates), ``bars`` (daily bars), ``indexes`` (three size bands), and ``truth`` (all that was
planted).
"""
