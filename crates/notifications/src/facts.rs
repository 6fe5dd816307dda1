//! The values that a message can state about an event, as text.

use std::collections::HashMap;

use chrono::{DateTime, NaiveDate, Utc};
use customers::CustomerNames;
use kernel::Context;
use serde_json::Value;

use crate::{
    audience,
    model::{Language, RecordedEvent},
    template::word,
};

/// The values of an event's placeholders.
pub fn of(context: &Context, language: Language, event: &RecordedEvent, customer: Option<&CustomerNames>) -> HashMap<&'static str, String> {
    let facts = Facts { context, language, data: &event.data.0 };
    let value = |name: &'static str| match name {
        "name" => customer.map(CustomerNames::short_name).unwrap_or_default(),
        "date" => facts.moment(event.created_at),
        "currency" => facts.currency(),
        "contract" => facts.either("contract_number", "number"),
        "ticket" => facts.text("number"),
        "amount" => facts.amount("amount"),
        "balance" => facts.amount(if facts.data["balance"].is_null() { "balance_after" } else { "balance" }),
        "threshold" => facts.amount("threshold"),
        "to_pay" => facts.to_pay(),
        "reason" => facts.text("failure_reason"),
        "period_start" | "period_end" => facts.date(name),
        "hold" => facts.word("hold", "hold"),
        "status" => facts.word(if event.entity == "ticket" { "ticket_status" } else { "sim_status" }, "status"),
        "priority" => facts.word("priority", "priority"),
        "category" => facts.word("category", "category"),
        "due" => facts.moment_of("due_at"),
        "until" => facts.moment_of("until"),
        name => facts.text(name),
    };
    audience::of(event.kind).placeholders.iter().map(|name| (*name, value(name))).collect()
}

struct Facts<'a> {
    context: &'a Context,
    language: Language,
    data: &'a Value,
}

impl Facts<'_> {
    fn text(&self, name: &str) -> String {
        match &self.data[name] {
            Value::Null => String::new(),
            Value::String(text) => text.clone(),
            other => other.to_string(),
        }
    }

    fn either(&self, name: &str, other: &str) -> String {
        self.text(if self.data[name].is_null() { other } else { name })
    }

    fn amount(&self, name: &str) -> String {
        match self.language {
            Language::Ru => self.text(name).replace('.', ","),
            Language::En => self.text(name),
        }
    }

    fn word(&self, group: &str, name: &str) -> String {
        match self.data[name].as_str() {
            Some(text) => word(self.language, group, text),
            None => String::new(),
        }
    }

    fn currency(&self) -> String {
        let country = self.context.policy.country;
        match self.language {
            Language::Ru => country.currency_in_russian(),
            Language::En => country.currency(),
        }
        .to_owned()
    }

    /// A sentence with the amount that lifts a hold for debt; nothing for other holds, so that one text serves them all.
    fn to_pay(&self) -> String {
        if self.data["to_pay"].is_null() {
            return String::new();
        }
        let sentence = word(self.language, "sentence", "to_pay");
        sentence.replace("{amount}", &self.amount("to_pay")).replace("{currency}", &self.currency())
    }

    fn date(&self, name: &str) -> String {
        match self.text(name).parse::<NaiveDate>() {
            Ok(date) if self.language == Language::Ru => date.format("%d.%m.%Y").to_string(),
            Ok(date) => date.to_string(),
            Err(_) => String::new(),
        }
    }

    fn moment_of(&self, name: &str) -> String {
        self.text(name).parse().map(|moment| self.moment(moment)).unwrap_or_default()
    }

    fn moment(&self, moment: DateTime<Utc>) -> String {
        let local = moment.with_timezone(&self.context.policy.time_zone);
        match self.language {
            Language::Ru => local.format("%d.%m.%Y %H:%M").to_string(),
            Language::En => local.format("%Y-%m-%d %H:%M").to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use kernel::{Actor, Origin, Policy, country::Country};

    use super::*;

    #[test]
    fn each_currency_has_its_word() {
        for (country, russian, english) in
            [(Country::Ru, "руб.", "RUB"), (Country::Kg, "сом", "KGS"), (Country::Kz, "тенге", "KZT"), (Country::Uz, "сум", "UZS")]
        {
            let policy = Arc::new(Policy::standard(country));
            let context = Context { now: DateTime::UNIX_EPOCH, policy, origin: Origin::default(), actor: Actor::system("test") };
            let word = |language| Facts { context: &context, language, data: &Value::Null }.currency();
            assert_eq!((word(Language::Ru), word(Language::En)), (russian.to_owned(), english.to_owned()));
        }
    }
}
