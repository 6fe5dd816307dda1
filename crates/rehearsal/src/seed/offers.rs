//! The tariffs of the generated contracts.

use chrono::{DateTime, NaiveDate, Utc};
use database::Tx;
use kernel::{
    Money, Result,
    country::Country,
    error::Error,
    id::{TariffId, TariffVersionId},
};
use serde_json::{Map, json};
use tariffs::{TariffInput, TariffType};

use super::{dice::Dice, homelands::homeland};

/// The data of a tariff that contracts need.
#[derive(Clone, Copy, Debug)]
pub struct Offer {
    /// The tariff.
    pub tariff_id: TariffId,
    /// The version of its prices.
    pub version_id: TariffVersionId,
    /// Whether a period is paid at its start or at its end.
    pub tariff_type: TariffType,
    /// The price of a period.
    pub monthly_fee: Money,
    /// The percentage of contracts with this tariff.
    share: i64,
}

/// Name, description, whether postpaid, fee, minutes, messages, gigabytes, percentage of contracts.
type Row = (&'static str, &'static str, bool, i64, Option<i64>, Option<i64>, Option<&'static str>, i64);

const ROWS: [Row; 12] = [
    ("Без абонентской платы", "Платите только за то, чем пользуетесь", false, 0, Some(0), Some(0), Some("0"), 6),
    ("Старт", "Первый номер: звонки и немного интернета", false, 200, Some(100), Some(50), Some("3.00"), 12),
    ("Социальный", "Для пенсионеров и студентов", false, 250, Some(300), Some(100), Some("5.00"), 10),
    ("Детский", "Интернет под присмотром и звонки близким", false, 300, Some(200), Some(100), Some("7.00"), 6),
    ("Смарт", "Для общения и интернета", false, 450, Some(500), Some(300), Some("15.00"), 22),
    ("Смарт Плюс", "Больше минут и интернета", false, 600, Some(800), Some(500), Some("30.00"), 14),
    ("Интернет", "Для планшетов и модемов", false, 550, Some(0), Some(50), Some("60.00"), 6),
    ("Безлимит", "Интернет без ограничений", false, 850, Some(1000), Some(500), None, 10),
    ("Семья", "Один пакет на всю семью", false, 1100, Some(2000), None, Some("80.00"), 4),
    ("Премиум", "Всё без ограничений", false, 1900, None, None, None, 2),
    ("Бизнес", "Для сотрудников, с оплатой по счёту", true, 900, Some(1500), Some(500), Some("40.00"), 5),
    ("Бизнес Безлимит", "Без ограничений, с оплатой по счёту", true, 1600, None, None, None, 3),
];

/// The unit to which people round their payments, in minor units.
pub const fn round_sum(country: Country) -> i64 {
    homeland(country).price_level * 50_00
}

/// Writes the tariffs, in force since `since`, and returns them as offers.
pub async fn write(tx: &mut Tx, since: NaiveDate, made_at: DateTime<Utc>) -> Result<Vec<Offer>> {
    let today = tx.today();
    let actor = tx.actor().clone();
    let inputs = inputs(tx.policy().country)?.into_iter().map(|input| (input, since, made_at)).collect::<Vec<_>>();
    let first = tx.reserve_ids("tariffs", i64::try_from(inputs.len()).map_err(Error::internal)?).await?;
    tariffs::insert_all(tx, first, &inputs, &actor.name).await?;
    let mut offers = Vec::with_capacity(ROWS.len());
    for (row, id) in ROWS.iter().zip(first..) {
        let version = tariffs::version_on(tx, TariffId::new(id), today).await?;
        offers.push(Offer {
            tariff_id: version.tariff_id,
            version_id: version.id,
            tariff_type: version.tariff_type,
            monthly_fee: version.monthly_fee,
            share: row.7,
        });
    }
    Ok(offers)
}

fn inputs(country: Country) -> Result<Vec<TariffInput>> {
    let level = homeland(country).price_level;
    let fee = |whole: i64| Money::from_minor(whole * level * 100);
    let rows = ROWS.iter().zip((10..).step_by(10));
    rows.map(|((name, description, postpaid, monthly_fee, minutes, sms, gigabytes, _), place)| {
        let extra_options = json!({"roaming": if *monthly_fee >= 850 { "all" } else { "home" }});
        Ok(TariffInput {
            name: (*name).to_owned(),
            description: (*description).to_owned(),
            tariff_type: if *postpaid { TariffType::Postpaid } else { TariffType::Prepaid },
            monthly_fee: fee(*monthly_fee)?,
            minutes_included: *minutes,
            sms_included: *sms,
            data_gb_included: gigabytes.map(str::parse).transpose().map_err(Error::internal)?,
            minute_overage_cost: fee(if minutes.is_some() { 2 } else { 0 })?,
            sms_overage_cost: fee(if sms.is_some() { 2 } else { 0 })?,
            data_gb_overage_cost: fee(if gigabytes.is_some() { 30 } else { 0 })?,
            extra_options: extra_options.as_object().cloned().unwrap_or_else(Map::new),
            priority: 200 - place,
            is_active: true,
        })
    })
    .collect()
}

/// Picks an offer, popular ones more often; companies prefer a postpaid one.
pub fn choose<'a>(dice: &mut Dice, offers: &'a [Offer], firm: bool) -> &'a Offer {
    let weight = |offer: &Offer| match offer.tariff_type {
        TariffType::Postpaid if firm => offer.share * 50,
        TariffType::Postpaid | TariffType::Prepaid => offer.share,
    };
    let mut left = dice.between(0, offers.iter().map(weight).sum::<i64>() - 1);
    let chosen = offers.iter().find(|offer| {
        left -= weight(offer);
        left < 0
    });
    chosen.unwrap_or(&offers[0])
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use kernel::{Context, Origin, Policy, input::from_fields};

    use super::*;

    #[test]
    fn every_tariff_passes_the_rules_of_tariffs() {
        for &country in Country::ALL {
            let policy = Policy::standard(country);
            let context = Context {
                now: DateTime::UNIX_EPOCH,
                policy: Arc::new(policy),
                origin: Origin::default(),
                actor: kernel::Actor::system("test"),
            };
            for input in inputs(country).unwrap() {
                let serde_json::Value::Object(fields) = serde_json::to_value(&input).unwrap() else { panic!("no object") };
                let read = from_fields::<TariffInput>(fields, &context);
                assert!(read.is_ok(), "{:?}", read.err().map(|error| format!("{:?}", error.wrong_fields())));
            }
        }
    }
}
