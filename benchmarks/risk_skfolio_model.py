"""The nearest model that skfolio can express, and a market as its panel; see ``benchmarks.risk_skfolio``."""

from __future__ import annotations

from typing import Any

import numpy as np

import market
from risk.inputs import Inputs

# fields that the ratios need, by our names and skfolio's
FIELDS = {
    "book_equity": "book_equity",
    "net_income": "net_income_ttm",
    "dividends_12m": "dividends_ttm",
}


def panel_of(world: market.Market, inputs: Inputs) -> Any:
    """Return the market as skfolio's panel."""
    from skfolio.containers import AssetPanel, FieldCategorical

    cap = np.where(inputs.covered, inputs.cap, np.nan).astype(np.float64)
    active = np.isfinite(cap) & (inputs.industry >= 0)
    debt = world.values("debt_to_assets").astype(np.float64)
    fields: dict[str, Any] = {
        "returns": inputs.returns,
        "market_cap": cap,
        "adj_volume": world.adjusted("volume").to_numpy(),
        "adj_shares_outstanding": world.values("float_shares") / world.values("factor"),
        "total_debt": np.where(debt >= 0.0, debt, np.nan),
        "total_assets": np.ones(cap.shape),
        **{theirs: world.values(ours) for ours, theirs in FIELDS.items()},
    }
    numbers = {name: np.where(active, x, np.nan).astype(np.float64) for name, x in fields.items()}
    # a category without members is a factor without variance, which upsets skfolio's regime
    present, code = np.unique(np.where(active, inputs.industry, -1), return_inverse=True)
    shift = int(present[0] < 0)
    industry = FieldCategorical(
        code.reshape(cap.shape).astype(np.int32) - shift,
        levels=np.array(inputs.industries)[present[shift:]],
    )
    # before any stock is listed long enough to vote, all do: those sessions only warm descriptors up
    estu = np.where(inputs.estu.any(axis=1)[:, None], inputs.estu, np.isfinite(inputs.returns))
    panel = AssetPanel(
        {**numbers, "industry": industry},
        observations=world.dates.to_numpy(),
        asset_names=world.stocks.to_numpy(),
        active_mask=active,
        estimation_mask=estu & active,
    )
    return panel[1:]  # the first session has no return


def peer() -> Any:
    """Return the nearest model that skfolio can express."""
    from skfolio import descriptor as d
    from skfolio.factor_exposure import (
        DerivedFactor,
        FixedWeightedFactor,
        GlobalFactor,
        OneHotCategoricalFactors,
    )
    from skfolio.moments import (
        EWMu,
        RegimeAdjustedEWCovariance,
        RegimeAdjustedEWVariance,
        RegimeAdjustmentMethod,
        RegimeAdjustmentTarget,
    )
    from skfolio.prior import CharacteristicsFactorModel, EmpiricalPrior

    def style(**parts: Any) -> Any:
        return FixedWeightedFactor(descriptors=[*parts.items()])

    risk = FixedWeightedFactor(
        descriptors=[
            ("deviation", d.EWVolatility(half_life=42)),
            ("residual", d.EWResidualVolatility(half_life=63, beta_half_life=63)),
        ],
        weights=[0.9, 0.1],
    )
    turnover = FixedWeightedFactor(
        descriptors=[(f"turnover{h}", d.EWShareTurnover(half_life=h)) for h in (10, 30, 120)],
        weights=[0.35, 0.35, 0.30],
    )
    rms = (
        RegimeAdjustmentMethod.RMS
    )  # as our own regime adjustment: mean squared standardised returns
    covariance = RegimeAdjustedEWCovariance(
        half_life=84, corr_half_life=504, hac_lags=5, regime_half_life=42, min_observations=63,
        regime_target=RegimeAdjustmentTarget.DIAGONAL, regime_method=rms,
    )  # fmt: skip
    return CharacteristicsFactorModel(
        factors=[
            ("country", GlobalFactor()),
            ("industry", OneHotCategoricalFactors(category="industry", family="industry")),
            ("size", style(cap=d.LogMarketCap())),
            ("beta", style(beta=d.EWMarketBeta(half_life=63))),
            ("momentum", style(momentum=d.EWMomentum(half_life=126, skip=21))),
            ("residual_volatility", risk),
            ("liquidity", turnover),
            ("value", style(value=d.BookToPrice())),
            ("earnings_yield", style(earnings=d.EarningsToPrice())),
            ("dividend_yield", style(dividends=d.DividendToPrice())),
            ("leverage", style(leverage=d.DebtToAssets())),
            ("nonlinear_size", DerivedFactor(source="size", func=lambda x: x**3)),
        ],
        neutralize_against={
            "residual_volatility": ["beta", "size"],
            "liquidity": ["size"],
            "nonlinear_size": ["size"],
        },
        constrained_families=[("industry", None)],
        factor_prior_estimator=EmpiricalPrior(
            mu_estimator=EWMu(half_life=84), covariance_estimator=covariance
        ),
        idio_variance_estimator=RegimeAdjustedEWVariance(
            half_life=84, hac_lags=5, regime_method=rms, regime_half_life=42, min_observations=42
        ),
    )
