//! A gateway with a JSON API over HTTPS. `docs/payments.md` describes its requests and responses.

use kernel::{Money, Result};
use outgoing::{Answered, Outgoing, Reach, is_web_url};
use serde::Deserialize;
use serde_json::json;

use super::{Asking, Created, Gateway, Keys, Order, RefundOrder, Refunding, ReportedState, Trouble};

/// The name of the gateway.
pub const NAME: &str = "http";

/// The maximum length of the gateway's ids.
const LONGEST_ID: usize = 64;
/// The maximum length of a link.
const LONGEST_LINK: usize = 2000;
/// The maximum stored length of a reason.
const LONGEST_REASON: usize = 300;

/// A gateway at an address that the operator configured.
pub struct Http {
    base: String,
    api_key: String,
    keys: Keys,
    outgoing: Outgoing,
}

#[derive(Deserialize)]
struct PaymentAnswer {
    id: String,
    #[serde(default)]
    link: Option<String>,
    status: Status,
    #[serde(default)]
    amount: Option<Money>,
    #[serde(default)]
    currency: Option<String>,
    #[serde(default)]
    reason: Option<String>,
}

#[derive(Deserialize)]
struct RefundAnswer {
    id: String,
    status: Status,
    #[serde(default)]
    reason: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Status {
    Pending,
    Processing,
    Succeeded,
    Failed,
}

#[derive(Deserialize)]
struct RefusalAnswer {
    reason: String,
}

impl Http {
    /// Creates a gateway at this address with this API key; `keys` sign its events.
    pub fn new(base: &str, api_key: &str, keys: Keys) -> Result<Self> {
        let outgoing = Outgoing::new(Reach::Anywhere)?;
        Ok(Self { base: base.trim_end_matches('/').to_owned(), api_key: api_key.to_owned(), keys, outgoing })
    }

    /// Sends a request; `None` if the resource does not exist. Any response that is neither a success nor a clear refusal counts as no
    /// response.
    async fn call(
        &self,
        path: &str,
        idempotency_key: Option<String>,
        body: Option<serde_json::Value>,
    ) -> Result<Option<Answered>, Trouble> {
        let (client, url) = (self.outgoing.client(), format!("{}{path}", self.base));
        let mut request = match &body {
            Some(body) => client.post(url).json(body),
            None => client.get(url),
        };
        request = request.bearer_auth(&self.api_key);
        if let Some(key) = idempotency_key {
            request = request.header("idempotency-key", key);
        }
        let request = request.build().map_err(|error| Trouble::Away(error.to_string()))?;
        let answered = self.outgoing.send(request).await.map_err(|error| Trouble::Away(error.to_string()))?;
        match answered.status {
            200..300 => Ok(Some(answered)),
            404 if body.is_none() => Ok(None),
            // these statuses are refusals; other statuses mean a fault in the gateway or a wrong API key
            400 | 402 | 409 | 422 => {
                let said = serde_json::from_slice::<RefusalAnswer>(&answered.body).map(|said| said.reason).ok();
                Err(Trouble::Refused(reason(said, &format!("status {}", answered.status))))
            }
            status => Err(Trouble::Away(format!("status {status}"))),
        }
    }

    async fn created(&self, order: &Order) -> Result<Created, Trouble> {
        let body = json!({
            "reference": order.reference, "amount": order.amount, "currency": order.currency, "description": order.description,
            "return_url": order.return_url
        });
        let answered = self.call("/payments", Some(format!("payment-{}", order.reference)), Some(body)).await?;
        let payment: PaymentAnswer = read(answered.as_ref())?;
        if payment.status == Status::Failed {
            return Err(Trouble::Refused(reason(payment.reason, "failed")));
        }
        known(&payment)?.ok_or_else(|| Trouble::Away("the response has no link".to_owned()))
    }

    async fn standing(&self, order: &Order) -> Result<ReportedState, Trouble> {
        let Some(answered) = self.call(&format!("/payments/{}", order.reference), None, None).await? else {
            return Ok(ReportedState::Unknown);
        };
        let payment: PaymentAnswer = read(Some(&answered))?;
        Ok(match payment.status {
            Status::Pending => ReportedState::Pending(known(&payment)?),
            Status::Processing => ReportedState::Processing,
            Status::Failed => ReportedState::Failed(reason(payment.reason, "failed")),
            Status::Succeeded => match (payment.amount, payment.currency) {
                (Some(amount), Some(currency)) if currency.len() <= 3 => ReportedState::Succeeded(amount, currency),
                _ => return Err(Trouble::Away("the response has no amount and currency".to_owned())),
            },
        })
    }

    async fn refunded(&self, order: &RefundOrder) -> Result<Refunding, Trouble> {
        let body = json!({"reference": order.reference, "amount": order.amount, "currency": order.currency, "reason": order.reason});
        let path = format!("/payments/{}/refunds", order.payment);
        let answered = self.call(&path, Some(format!("refund-{}", order.reference)), Some(body)).await?;
        let refund: RefundAnswer = read(answered.as_ref())?;
        match refund.status {
            Status::Pending | Status::Processing => Ok(Refunding::Pending),
            Status::Failed => Err(Trouble::Refused(reason(refund.reason, "failed"))),
            Status::Succeeded if is_id(&refund.id) => Ok(Refunding::Done(refund.id)),
            Status::Succeeded => Err(Trouble::Away("the response has an invalid id".to_owned())),
        }
    }
}

fn read<T: for<'de> Deserialize<'de>>(answered: Option<&Answered>) -> Result<T, Trouble> {
    let body = answered.map(|answered| answered.body.as_slice()).unwrap_or_default();
    // without the parser's message, which may quote arbitrary text of the gateway
    serde_json::from_slice(body).map_err(|_| Trouble::Away("the response cannot be parsed".to_owned()))
}

/// The gateway's id of the payment and its link, if the response has both.
fn known(payment: &PaymentAnswer) -> Result<Option<Created>, Trouble> {
    let Some(link) = &payment.link else { return Ok(None) };
    if !is_id(&payment.id) || link.len() > LONGEST_LINK || !is_web_url(link) {
        return Err(Trouble::Away("the response has an invalid id or link".to_owned()));
    }
    Ok(Some(Created { id: payment.id.clone(), link: link.clone() }))
}

fn is_id(text: &str) -> bool {
    (1..=LONGEST_ID).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// The part of a gateway's reason that staff may read.
fn reason(said: Option<String>, otherwise: &str) -> String {
    let said = said.unwrap_or_default();
    let plain: String = said.chars().filter(|letter| !letter.is_control()).take(LONGEST_REASON).collect();
    if plain.trim().is_empty() { otherwise.to_owned() } else { plain }
}

impl Gateway for Http {
    fn name(&self) -> &'static str {
        NAME
    }

    fn keys(&self) -> &Keys {
        &self.keys
    }

    fn create<'a>(&'a self, order: &'a Order) -> Asking<'a, Created> {
        Box::pin(self.created(order))
    }

    fn ask<'a>(&'a self, order: &'a Order) -> Asking<'a, ReportedState> {
        Box::pin(self.standing(order))
    }

    fn refund<'a>(&'a self, order: &'a RefundOrder) -> Asking<'a, Refunding> {
        Box::pin(self.refunded(order))
    }
}
