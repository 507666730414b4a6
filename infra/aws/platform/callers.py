"""Who may call: people of a Cognito user pool. API Gateway checks their tokens by itself, so that no code of ours has to.

IAM would need AWS credentials in every app, a Lambda authorizer code and a call for each token, and a JWT authorizer an HTTP API,
which WAF cannot stand before. Whoever has an identity provider federates it into the pool; the API does not change.
"""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_cognito as cognito
from constructs import Construct

from infra.aws.findings import accept

PASSWORDS = cognito.PasswordPolicy(
    min_length=12, require_lowercase=True, require_uppercase=True, require_digits=True, require_symbols=True
)


class Callers(Construct):
    """The pool (``pool``) and the one client of it, ``app``. Nobody signs up alone: accounts are made or federated."""

    def __init__(self, scope: Construct, ident: str) -> None:
        super().__init__(scope, ident)
        self.pool = cognito.UserPool(
            self,
            "Pool",
            user_pool_name="image",
            self_sign_up_enabled=False,
            sign_in_aliases=cognito.SignInAliases(email=True),
            sign_in_case_sensitive=False,
            password_policy=PASSWORDS,
            mfa=cognito.Mfa.OPTIONAL,
            mfa_second_factor=cognito.MfaSecondFactor(otp=True, sms=False),
            account_recovery=cognito.AccountRecovery.EMAIL_ONLY,
            deletion_protection=True,
            removal_policy=cdk.RemovalPolicy.RETAIN,
        )
        self.app = self.pool.add_client(
            "App",
            auth_flows=cognito.AuthFlow(user_srp=True),
            prevent_user_existence_errors=True,
            enable_token_revocation=True,
            id_token_validity=cdk.Duration.hours(1),
            access_token_validity=cdk.Duration.hours(1),
            refresh_token_validity=cdk.Duration.days(30),
            disable_o_auth=True,
        )
        accept(
            self.pool,
            nag={
                "COG2": "Customers may use a second factor; operators of the platform are not in this pool.",
                "COG8": "Threat protection is the Plus plan, paid by the user: a choice of whoever copies this.",
            },
        )
