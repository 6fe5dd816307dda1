//! JSON Web Tokens: one algorithm, every claim required and checked, the time given by the caller.

use chrono::{DateTime, TimeDelta, Utc};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, encode};
use kernel::{Error, Result, Secret, id::UserId, text_enum};
use serde::{Deserialize, Serialize};

use crate::model::{SessionId, refusal};

/// The issuer of the tokens.
const ISSUER: &str = "telecom-crm";
/// The audience of the tokens.
const AUDIENCE: &str = "telecom-crm-api";
/// Seconds by which the clocks of two instances may differ.
const LEEWAY: i64 = 5;
/// The longest token that is read; the tokens issued here are shorter.
const LONGEST: usize = 4096;

text_enum! {
    /// The purpose of a token.
    pub enum TokenKind {
        /// Sent with each request.
        Access = "access",
        /// Exchanged for the next pair of tokens.
        Refresh = "refresh",
    }
}

/// The claims of a token. All of them are required; unknown ones are ignored.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Claims {
    iss: String,
    aud: String,
    sub: String,
    exp: i64,
    nbf: i64,
    iat: i64,
    /// The id of the token.
    pub(crate) jti: String,
    /// The id of the session.
    pub(crate) sid: SessionId,
    typ: TokenKind,
}

impl Claims {
    /// The id of the user.
    pub(crate) fn user_id(&self) -> Result<UserId> {
        self.sub.parse().map_err(|_| Error::new(refusal::TOKEN_INVALID))
    }

    /// Checks that the token is valid now. Errors: `token_invalid` before its time, `token_expired` after it.
    pub(crate) fn check_times(&self, now: DateTime<Utc>) -> Result<()> {
        let now = now.timestamp();
        let latest = now.saturating_add(LEEWAY);
        if self.nbf > latest || self.iat > latest || self.exp <= self.iat {
            return Err(Error::new(refusal::TOKEN_INVALID));
        }
        if self.exp <= now.saturating_sub(LEEWAY) {
            return Err(Error::new(refusal::TOKEN_EXPIRED));
        }
        Ok(())
    }
}

/// Issues and verifies tokens.
pub(crate) struct Signer {
    signing: EncodingKey,
    verifying: Vec<DecodingKey>,
    validation: Validation,
}

impl Signer {
    /// Signs with `secret`; tokens that `previous` signed are still accepted.
    pub(crate) fn new(secret: &Secret, previous: Option<&Secret>) -> Self {
        let mut validation = Validation::new(Algorithm::HS256);
        validation.set_issuer(&[ISSUER]);
        validation.set_audience(&[AUDIENCE]);
        validation.set_required_spec_claims(&["iss", "aud", "sub", "exp", "nbf"]);
        // the library would use the system clock; `check_times` uses the caller's time
        validation.validate_exp = false;
        validation.validate_nbf = false;
        let verifying =
            [Some(secret), previous].into_iter().flatten().map(|key| DecodingKey::from_secret(key.reveal().as_bytes())).collect();
        Self { signing: EncodingKey::from_secret(secret.reveal().as_bytes()), verifying, validation }
    }

    /// Issues a token of this kind with this id, valid from now for `lifetime`.
    pub(crate) fn issue(
        &self,
        kind: TokenKind,
        user: UserId,
        session: SessionId,
        id: &str,
        now: DateTime<Utc>,
        lifetime: TimeDelta,
    ) -> Result<String> {
        let issued = now.timestamp();
        let claims = Claims {
            iss: ISSUER.to_owned(),
            aud: AUDIENCE.to_owned(),
            sub: user.to_string(),
            exp: issued.saturating_add(lifetime.num_seconds()),
            nbf: issued,
            iat: issued,
            jti: id.to_owned(),
            sid: session,
            typ: kind,
        };
        encode(&Header::new(Algorithm::HS256), &claims, &self.signing).map_err(Error::internal)
    }

    /// Verifies a token of this kind and returns its claims. Errors: `token_invalid`, `token_expired`.
    pub(crate) fn read(&self, token: &str, kind: TokenKind, now: DateTime<Utc>) -> Result<Claims> {
        if token.len() > LONGEST {
            return Err(Error::new(refusal::TOKEN_INVALID));
        }
        let claims = self
            .verifying
            .iter()
            .find_map(|key| decode::<Claims>(token, key, &self.validation).ok())
            .map(|decoded| decoded.claims)
            .filter(|claims| claims.typ == kind)
            .ok_or_else(|| Error::new(refusal::TOKEN_INVALID))?;
        claims.check_times(now)?;
        Ok(claims)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    const KEY: &str = "a key of at least thirty-two bytes, for tests";

    fn now() -> DateTime<Utc> {
        "2026-03-02T12:00:00Z".parse().unwrap()
    }

    fn signer() -> Signer {
        Signer::new(&Secret::new(KEY.to_owned()), None)
    }

    fn good() -> Value {
        let at = now().timestamp();
        json!({
            "iss": ISSUER, "aud": AUDIENCE, "sub": "7", "exp": at + 900, "nbf": at, "iat": at, "jti": "one", "sid": 11, "typ": "access"
        })
    }

    fn signed(claims: &Value) -> String {
        encode(&Header::new(Algorithm::HS256), claims, &EncodingKey::from_secret(KEY.as_bytes())).unwrap()
    }

    fn code_of(token: &str) -> Option<&'static str> {
        signer().read(token, TokenKind::Access, now()).err().map(|error| error.code().name)
    }

    #[test]
    fn a_token_of_ours_is_read_back() {
        let token = signer().issue(TokenKind::Access, UserId::new(7), SessionId::new(11), "one", now(), TimeDelta::minutes(15)).unwrap();
        let claims = signer().read(&token, TokenKind::Access, now()).unwrap();
        assert_eq!((claims.user_id().unwrap().get(), claims.sid.get(), claims.jti.as_str()), (7, 11, "one"));
        assert_eq!(code_of(&signed(&good())), None);
    }

    #[test]
    fn a_token_without_any_one_of_its_claims_is_refused() {
        for name in ["iss", "aud", "sub", "exp", "nbf", "iat", "jti", "sid", "typ"] {
            let mut claims = good();
            claims.as_object_mut().unwrap().remove(name);
            assert_eq!(code_of(&signed(&claims)), Some("token_invalid"), "without {name}");
        }
    }

    #[test]
    fn a_token_with_any_wrong_claim_is_refused() {
        let at = now().timestamp();
        for (name, value, code) in [
            ("iss", json!("somebody"), "token_invalid"),
            ("aud", json!("somebody"), "token_invalid"),
            ("aud", json!([AUDIENCE, "somebody"]), "token_invalid"),
            ("exp", json!(at - 5), "token_expired"),
            ("exp", json!("soon"), "token_invalid"),
            ("nbf", json!(at + 6), "token_invalid"),
            ("iat", json!(at + 6), "token_invalid"),
            ("sid", json!(0), "token_invalid"),
            ("sid", json!("11"), "token_invalid"),
            ("typ", json!("refresh"), "token_invalid"),
            ("typ", json!("admin"), "token_invalid"),
        ] {
            let mut claims = good();
            if name == "exp" {
                claims["iat"] = json!(at - 900);
                claims["nbf"] = json!(at - 900);
            }
            claims[name] = value.clone();
            assert_eq!(code_of(&signed(&claims)), Some(code), "{name} = {value}");
        }
        let mut claims = good();
        claims["sub"] = json!("somebody");
        assert!(signer().read(&signed(&claims), TokenKind::Access, now()).unwrap().user_id().is_err());
    }

    #[test]
    fn clocks_may_differ_by_five_seconds() {
        let token = signed(&good());
        let read = |seconds| signer().read(&token, TokenKind::Access, now() + TimeDelta::seconds(seconds));
        assert!(read(-5).is_ok() && read(-6).is_err());
        assert!(read(904).is_ok() && read(905).is_err());
    }

    #[test]
    fn only_our_key_and_our_algorithm_count() {
        let other_key = encode(&Header::new(Algorithm::HS256), &good(), &EncodingKey::from_secret(b"another key")).unwrap();
        assert_eq!(code_of(&other_key), Some("token_invalid"));
        let other_algorithm = encode(&Header::new(Algorithm::HS512), &good(), &EncodingKey::from_secret(KEY.as_bytes())).unwrap();
        assert_eq!(code_of(&other_algorithm), Some("token_invalid"));
        let token = signed(&good());
        let body = token.split('.').nth(1).unwrap();
        // {"alg":"none","typ":"JWT"}
        assert_eq!(code_of(&format!("eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.{body}.")), Some("token_invalid"));
        assert_eq!(code_of(&"a".repeat(LONGEST + 1)), Some("token_invalid"));
        assert_eq!(code_of(""), Some("token_invalid"));
    }

    #[test]
    fn the_previous_key_still_verifies_and_never_signs() {
        let old = Secret::new(KEY.to_owned());
        let new = Secret::new("the next key, also of at least thirty-two bytes".to_owned());
        let during_the_change = Signer::new(&new, Some(&old));
        assert!(during_the_change.read(&signed(&good()), TokenKind::Access, now()).is_ok());
        let token =
            during_the_change.issue(TokenKind::Access, UserId::new(7), SessionId::new(1), "x", now(), TimeDelta::minutes(1)).unwrap();
        assert!(Signer::new(&new, None).read(&token, TokenKind::Access, now()).is_ok());
        assert_eq!(code_of(&token), Some("token_invalid"));
    }

    #[test]
    fn secrets_do_not_show_in_debug_output() {
        assert_eq!(format!("{:?}", Secret::new(KEY.to_owned())), "Secret");
    }
}
