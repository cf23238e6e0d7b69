"""The deep risk model: latent factors learned by a network. The only part of risk that loads torch."""

from risk.deep.deep import Deep
from risk.deep.fitted import FittedDeep
from risk.deep.loss import explained, risk_loss, standardized
from risk.deep.network import DeepNetwork
from risk.deep.training import DeepTraining

__all__ = [
    "Deep",
    "DeepNetwork",
    "DeepTraining",
    "FittedDeep",
    "explained",
    "risk_loss",
    "standardized",
]
