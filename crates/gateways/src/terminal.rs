//! The protocol of self-service terminals common in the region (OSMP, QIWI): `check`, `pay` and `cancel` with responses in XML.
//!
//! Errors are reported within the protocol, by a number and a comment, because terminals understand nothing else. On a number other than 0
//! and 1 they give up and return the money.

mod account;

use chrono::{NaiveDateTime, NaiveTime};
use kernel::{
    Error, Kind, Money,
    country::Country,
    error::{common, field},
    id::PaymentId,
};
use payments::RESERVED_PREFIXES;

use crate::input::positive;

pub use account::Account;

/// The maximum number of digits in a terminal's id of a payment.
const LONGEST_TXN_ID: usize = 20;
/// The maximum length of a network's name.
const LONGEST_NETWORK: usize = 16;

/// The result code of a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResultCode {
    /// Done.
    Ok = 0,
    /// Temporary failure; the terminal repeats the request.
    TryAgain = 1,
    /// The account is malformed.
    AccountFormat = 4,
    /// The account does not exist.
    AccountUnknown = 5,
    /// The account accepts no payments.
    Forbidden = 7,
    /// The sum is below the minimum.
    SumTooSmall = 241,
    /// The sum is above the maximum.
    SumTooLarge = 242,
    /// Any other error in the request.
    Other = 300,
}

/// A refused request: a result code for the terminal, and a message code for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TerminalRefusal {
    /// The result code.
    pub result: ResultCode,
    /// The code of the message.
    pub code: &'static str,
    /// The values of the message.
    pub args: Vec<(&'static str, String)>,
}

impl TerminalRefusal {
    fn new(result: ResultCode, code: &'static str) -> Self {
        Self { result, code, args: Vec::new() }
    }

    /// Converts an error of a use case.
    pub fn of(error: &Error) -> Self {
        let result = match error.kind() {
            Kind::NotFound => ResultCode::AccountUnknown,
            _ if error.code() == common::AMOUNT_OUT_OF_RANGE => ResultCode::SumTooLarge,
            Kind::Conflict => ResultCode::Forbidden,
            // also for internal errors: the money is in the terminal and must not get lost
            _ => ResultCode::TryAgain,
        };
        Self { result, code: error.code().name, args: error.args().to_vec() }
    }

    /// Converts an error of a cancellation: a payment that does not exist is not an account that does not exist.
    pub fn of_cancellation(error: &Error) -> Self {
        let refusal = Self::of(error);
        if refusal.result == ResultCode::AccountUnknown { Self { result: ResultCode::Other, ..refusal } } else { refusal }
    }

    /// The account does not exist.
    pub fn no_account() -> Self {
        Self::new(ResultCode::AccountUnknown, field::NOT_FOUND)
    }
}

/// A network of terminals: the payments of each have ids of their own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Network(String);

impl Network {
    /// The network of the setting `TERMINAL_KEY`, which has no name.
    pub fn sole() -> Self {
        Self(RESERVED_PREFIXES[1].trim_end_matches(':').to_owned())
    }

    /// The network with this name: 2 to 16 lower-case letters, digits and hyphens, the first of them a letter.
    pub fn named(name: &str) -> Option<Self> {
        let fits = (2..=LONGEST_NETWORK).contains(&name.len()) && name.starts_with(|letter: char| letter.is_ascii_lowercase());
        let fits = fits && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
        fits.then(|| Self(format!("{}{name}", RESERVED_PREFIXES[1])))
    }

    /// `terminal`, or `terminal:` and the name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The transaction id of a payment by this network; no other payment can have it.
    pub fn transaction_id(&self, txn_id: &str) -> String {
        format!("{}:{txn_id}", self.0)
    }

    /// The network's own id of a payment with this transaction id, if the payment is one of this network's.
    pub fn txn_id<'a>(&self, transaction_id: &'a str) -> Option<&'a str> {
        transaction_id.strip_prefix(&self.0)?.strip_prefix(':').filter(|txn_id| is_txn_id(txn_id))
    }
}

fn is_txn_id(text: &str) -> bool {
    (1..=LONGEST_TXN_ID).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// A valid request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// Checks whether the account accepts the sum; without a sum, looks up the account.
    Check {
        /// The account.
        account: Account,
        /// The sum.
        sum: Option<Money>,
    },
    /// Takes the payment.
    Pay(NewPayment),
    /// Gives a payment back.
    Cancel {
        /// The payment.
        payment: PaymentId,
    },
}

/// A payment to take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewPayment {
    /// The terminal's own id of the payment.
    pub txn_id: String,
    /// When the cash was inserted, by the terminal's clock.
    pub txn_date: NaiveDateTime,
    /// The account.
    pub account: Account,
    /// The sum.
    pub sum: Money,
}

/// The minimum and maximum sum at terminals.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// The minimum.
    pub least: Money,
    /// The maximum.
    pub most: Money,
}

/// The terminal's id in a request, if valid. It is repeated in the response, whatever else is wrong.
pub fn txn_id(pairs: &[(String, String)]) -> Option<&str> {
    value(pairs, "txn_id").filter(|text| is_txn_id(text))
}

/// The terminal's id in a request to pay. If a payment has it, nothing else of the request matters: the cash is in the machine, and it
/// was told once that it is done.
pub fn paid_txn_id(pairs: &[(String, String)]) -> Option<&str> {
    txn_id(pairs).filter(|_| value(pairs, "command") == Some("pay"))
}

fn value<'a>(pairs: &'a [(String, String)], name: &str) -> Option<&'a str> {
    pairs.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
}

impl Request {
    /// Reads a request. Unknown parameters are ignored, because networks add their own.
    pub fn read(pairs: &[(String, String)], country: Country, bounds: Bounds) -> Result<Self, TerminalRefusal> {
        let other = |code| TerminalRefusal::new(ResultCode::Other, code);
        let known = ["command", "txn_id", "txn_date", "account", "sum", "prv_txn"];
        if known.iter().any(|name| pairs.iter().filter(|(other, _)| other == name).count() > 1) {
            return Err(other(field::DUPLICATE));
        }
        let command = value(pairs, "command").unwrap_or_default();
        if !["check", "pay", "cancel"].contains(&command) {
            return Err(TerminalRefusal { args: vec![("choices", "check, pay, cancel".to_owned())], ..other(field::CHOICE) });
        }
        let txn_id = txn_id(pairs).ok_or_else(|| other(field::FORMAT))?.to_owned();
        if command == "cancel" {
            let payment = value(pairs, "prv_txn").and_then(positive).ok_or_else(|| other(field::FORMAT))?;
            return Ok(Self::Cancel { payment: PaymentId::new(payment) });
        }
        let account = || {
            let account = value(pairs, "account").and_then(|text| Account::read(text, country));
            account.ok_or_else(|| TerminalRefusal::new(ResultCode::AccountFormat, field::FORMAT))
        };
        let given_sum = value(pairs, "sum");
        if command == "check" {
            let sum = given_sum.filter(|text| !is_nothing(text)).map(|text| sum(text, bounds));
            return Ok(Self::Check { account: account()?, sum: sum.transpose()? });
        }
        let txn_date = value(pairs, "txn_date").and_then(moment).ok_or_else(|| other(field::FORMAT))?;
        Ok(Self::Pay(NewPayment { txn_id, txn_date, account: account()?, sum: sum(given_sum.unwrap_or_default(), bounds)? }))
    }
}

/// Whether a sum is missing or zero: the terminal does not know yet how much the payer will insert.
fn is_nothing(text: &str) -> bool {
    text.is_empty() || text.parse::<Money>() == Ok(Money::ZERO)
}

/// `YYYYMMDDHHMMSS`.
fn moment(text: &str) -> Option<NaiveDateTime> {
    let digits = text.len() == 14 && text.bytes().all(|byte| byte.is_ascii_digit());
    let (date, time) = text.split_at_checked(8).filter(|_| digits)?;
    let date = format!("{}-{}-{}", &date[..4], &date[4..6], &date[6..]).parse().ok()?;
    Some(NaiveDateTime::new(date, NaiveTime::parse_from_str(time, "%H%M%S").ok()?))
}

/// Parses a strict amount within the bounds of terminals.
fn sum(text: &str, bounds: Bounds) -> Result<Money, TerminalRefusal> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    // above the limit of `Money`, but a well-formed amount
    let is_huge = digits(whole) && digits(fraction) && fraction.len() <= 2;
    let range = |result| {
        let args = vec![("min", bounds.least.to_string()), ("max", bounds.most.to_string())];
        TerminalRefusal { result, code: field::RANGE, args }
    };
    match text.parse::<Money>() {
        Ok(sum) if sum < bounds.least => Err(range(ResultCode::SumTooSmall)),
        Ok(sum) if sum > bounds.most => Err(range(ResultCode::SumTooLarge)),
        Ok(sum) => Ok(sum),
        Err(_) if is_huge => Err(range(ResultCode::SumTooLarge)),
        Err(code) => Err(TerminalRefusal::new(ResultCode::Other, code)),
    }
}

/// A response before serialization.
#[derive(Clone, Debug)]
pub struct TerminalResponse<'a> {
    /// The terminal's own id, as received.
    pub txn_id: Option<&'a str>,
    /// The id of the payment in this system.
    pub payment: Option<PaymentId>,
    /// The sum.
    pub sum: Option<Money>,
    /// The result code.
    pub result: ResultCode,
    /// A comment for people.
    pub comment: &'a str,
    /// What the terminal may show to the payer, by name.
    pub fields: &'a [(&'static str, String)],
}

impl TerminalResponse<'_> {
    /// Serializes the response to XML.
    pub fn xml(&self) -> String {
        let element =
            |name: &str, text: Option<String>| text.map(|text| format!("<{name}>{}</{name}>", escaped(&text))).unwrap_or_default();
        let shown = |(number, (name, text)): (usize, &(&str, String))| {
            let number = number + 1;
            format!(r#"<field{number} name="{name}">{}</field{number}>"#, escaped(text))
        };
        let fields: String = self.fields.iter().enumerate().map(shown).collect();
        [
            r#"<?xml version="1.0" encoding="UTF-8"?>"#.to_owned(),
            "<response>".to_owned(),
            element("osmp_txn_id", Some(self.txn_id.unwrap_or_default().to_owned())),
            element("prv_txn", self.payment.map(|id| id.to_string())),
            element("sum", self.sum.map(|sum| sum.to_string())),
            element("result", Some((self.result as i32).to_string())),
            element("comment", Some(self.comment.to_owned())),
            if fields.is_empty() { fields } else { format!("<fields>{fields}</fields>") },
            "</response>".to_owned(),
        ]
        .concat()
    }
}

/// Escapes text for XML.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            // XML 1.0 cannot represent these characters
            '\u{0}'..='\u{8}' | '\u{b}' | '\u{c}' | '\u{e}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => {}
            letter => out.push(letter),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn bounds() -> Bounds {
        Bounds { least: "1.00".parse().unwrap(), most: "15000.00".parse().unwrap() }
    }

    fn read(pairs: &[(&str, &str)]) -> Result<Request, TerminalRefusal> {
        let pairs: Vec<(String, String)> = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Request::read(&pairs, Country::Ru, bounds())
    }

    #[test]
    fn payments_of_a_network_have_ids_of_their_own() {
        let (sole, qiwi) = (Network::sole(), Network::named("qiwi").unwrap());
        assert_eq!((sole.transaction_id("7"), qiwi.transaction_id("7")), ("terminal:7".to_owned(), "terminal:qiwi:7".to_owned()));
        assert_eq!((sole.txn_id("terminal:7"), sole.txn_id("terminal:qiwi:7"), sole.txn_id("gateway:7")), (Some("7"), None, None));
        assert_eq!((qiwi.txn_id("terminal:qiwi:7"), qiwi.txn_id("terminal:7"), qiwi.txn_id("terminal:qiwi-2:7")), (Some("7"), None, None));
        for wrong in ["", "q", "7", "Qiwi", "ки", "a:b", "a b", &"q".repeat(17)] {
            assert_eq!(Network::named(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn sums_are_read_exactly_or_refused_with_a_number() {
        for (text, expected) in [
            ("10.45", Ok("10.45")),
            ("1", Ok("1.00")),
            ("15000.00", Ok("15000.00")),
            ("0.99", Err(ResultCode::SumTooSmall)),
            ("0", Err(ResultCode::SumTooSmall)),
            ("-0", Err(ResultCode::SumTooSmall)),
            ("-5", Err(ResultCode::SumTooSmall)),
            ("15000.01", Err(ResultCode::SumTooLarge)),
            ("100000000000", Err(ResultCode::SumTooLarge)),
            ("12345678901234567890123456789", Err(ResultCode::SumTooLarge)),
            ("NaN", Err(ResultCode::Other)),
            ("1e2", Err(ResultCode::Other)),
            ("1e309", Err(ResultCode::Other)),
            ("10.001", Err(ResultCode::Other)),
            ("10,45", Err(ResultCode::Other)),
            ("", Err(ResultCode::Other)),
            (" 10", Err(ResultCode::Other)),
        ] {
            let found = sum(text, bounds()).map(|sum| sum.to_string()).map_err(|refusal| refusal.result);
            assert_eq!(found, expected.map(str::to_owned), "{text}");
        }
    }

    #[test]
    fn what_is_missing_or_cannot_be_has_a_number() {
        let whole =
            [("command", "pay"), ("txn_id", "1234567"), ("txn_date", "20260131120000"), ("account", "9161234567"), ("sum", "10.45")];
        assert!(read(&whole).is_ok());
        let result = |name: &str, value: Option<&str>| {
            let pairs: Vec<(&str, &str)> = whole
                .iter()
                .filter_map(|(other, text)| if *other == name { value.map(|value| (*other, value)) } else { Some((*other, *text)) })
                .collect();
            read(&pairs).map(|_| ()).map_err(|refusal| refusal.result)
        };
        for (name, expected) in [
            ("command", ResultCode::Other),
            ("txn_id", ResultCode::Other),
            ("txn_date", ResultCode::Other),
            ("account", ResultCode::AccountFormat),
            ("sum", ResultCode::Other),
        ] {
            assert_eq!(result(name, None), Err(expected), "without {name}");
            assert_eq!(result(name, Some("<x>")), Err(expected), "{name}");
        }
        for (name, value) in [
            ("txn_date", "20260230120000"),
            ("txn_date", "20260131250000"),
            ("txn_date", "2026013112000"),
            ("txn_id", "-1"),
            ("txn_id", "123456789012345678901"),
        ] {
            assert_eq!(result(name, Some(value)), Err(ResultCode::Other), "{name} {value}");
        }
        let check = [("command", "check"), ("txn_id", "1"), ("account", "9161234567")];
        for sum in [None, Some("0"), Some("0.00"), Some("")] {
            let asked: Vec<_> = check.into_iter().chain(sum.map(|sum| ("sum", sum))).collect();
            assert!(matches!(read(&asked).unwrap(), Request::Check { sum: None, .. }), "{sum:?}");
        }
        let cancel = |prv_txn| read(&[("command", "cancel"), ("txn_id", "1"), ("prv_txn", prv_txn)]);
        assert_eq!(cancel("5"), Ok(Request::Cancel { payment: PaymentId::new(5) }));
        for wrong in ["", "0", "-5", "05", "x"] {
            assert_eq!(cancel(wrong).unwrap_err().result, ResultCode::Other, "{wrong}");
        }
        let twice = [whole.as_slice(), &[("sum", "1")]].concat();
        assert_eq!(read(&twice).unwrap_err().result, ResultCode::Other);
        assert!(read(&[whole.as_slice(), &[("trm_id", "17"), ("trm_id", "18")]].concat()).is_ok());
    }

    #[test]
    fn answers_are_xml_whatever_stands_in_them() {
        let reply = TerminalResponse {
            txn_id: Some("17"),
            payment: Some(PaymentId::new(5)),
            sum: Some("10.5".parse().unwrap()),
            result: ResultCode::Ok,
            comment: "a < b & c > d\u{0}\u{1f}",
            fields: &[],
        };
        let expected = "<?xml version=\"1.0\" encoding=\"UTF-8\"?><response><osmp_txn_id>17</osmp_txn_id><prv_txn>5</prv_txn><sum>10.50</sum>\
                        <result>0</result><comment>a &lt; b &amp; c &gt; d</comment></response>";
        assert_eq!(reply.xml(), expected);
        let refusal =
            TerminalResponse { txn_id: None, payment: None, sum: None, result: ResultCode::SumTooLarge, comment: "", fields: &[] };
        assert!(refusal.xml().ends_with("<response><osmp_txn_id></osmp_txn_id><result>242</result><comment></comment></response>"));
        let shown = TerminalResponse { fields: &[("name", "ООО «А & Б»".to_owned()), ("due", "1.00".to_owned())], ..refusal };
        let fields = "<fields><field1 name=\"name\">ООО «А &amp; Б»</field1><field2 name=\"due\">1.00</field2></fields></response>";
        assert!(shown.xml().ends_with(fields), "{}", shown.xml());
    }

    proptest! {
        #[test]
        fn nothing_that_is_asked_makes_it_panic(values in proptest::collection::vec(".{0,24}", 5), command in "check|pay|cancel|.{0,8}") {
            let names = ["txn_id", "txn_date", "account", "sum", "command"];
            let mut pairs: Vec<(String, String)> = names.iter().zip(&values).map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
            pairs[4].1 = command;
            for country in Country::ALL {
                let _ = Request::read(&pairs, *country, bounds());
            }
            let written = TerminalResponse { txn_id: txn_id(&pairs), payment: None, sum: None, result: ResultCode::Other, comment: &values[0], fields: &[] }.xml();
            prop_assert_eq!(written.matches('<').count(), 9);
        }
    }
}
