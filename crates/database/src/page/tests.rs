use proptest::{collection, prelude::*};
use serde_json::json;

use super::*;
use crate::Engine;

const FIELDS: &[OrderField] = &[
    OrderField { name: "seq", column: "t.seq", kind: KeyKind::Int },
    OrderField { name: "name", column: "t.name", kind: KeyKind::Text },
    OrderField { name: "at", column: "t.at", kind: KeyKind::Time },
    OrderField { name: "day", column: "t.day", kind: KeyKind::Date },
    OrderField { name: "fee", column: "t.fee", kind: KeyKind::Money },
    OrderField { name: "on", column: "t.is_on", kind: KeyKind::Bool },
];
const SPEC: ListSpec = ListSpec { order_fields: FIELDS, default_order: "-seq", id: "t.id", id_name: "id" };

fn paging(page: Option<&str>, page_size: Option<&str>, cursor: Option<&str>, ordering: Option<&str>) -> Result<Paging> {
    let own = |text: Option<&str>| text.map(str::to_owned);
    let given = PagingParameters {
        page: own(page),
        page_size: own(page_size),
        cursor: own(cursor),
        ordering: own(ordering),
        list: "/things".to_owned(),
        ..PagingParameters::default()
    };
    Paging::parse(SPEC, &given)
}

fn seek_sql(paging: &Paging) -> (String, usize) {
    let Position::Cursor(Some(cursor)) = &paging.position else { panic!("no cursor") };
    let mut filter = Filter::new(Engine::Sqlite);
    filter.equal("t.status", Some("active"));
    paging.seek(&mut filter, cursor);
    (filter.text, filter.args.len())
}

fn row() -> Value {
    json!({"id": 9, "seq": 7, "name": "Ёлкин \"x\"", "at": "2026-01-31T09:00:00.123456Z", "day": "2026-01-31", "fee": "-0.10", "on": true})
}

#[test]
fn a_cursor_leads_on_from_the_row_it_was_made_of_and_only_in_its_own_ordering() {
    for ordering in ["seq", "-name,at", "fee,-day,on", "-at", "on,-fee,name,-day,seq,at"] {
        let asked = paging(None, None, Some(""), Some(ordering)).unwrap();
        let cursor = asked.cursor_at(&row()).unwrap();
        assert!(cursor.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)), "{cursor}");
        let further = paging(None, None, Some(&cursor), Some(ordering)).unwrap();
        assert_eq!(seek_sql(&further).1, 2 + ordering.split(',').count(), "{ordering}");
        assert!(paging(None, None, Some(&cursor), None).is_err(), "{ordering}");
        assert!(paging(None, None, Some(&cursor), Some(&format!("{ordering},id"))).is_err());
        let elsewhere = PagingParameters { cursor: Some(cursor), ordering: Some(ordering.to_owned()), ..PagingParameters::default() };
        assert!(Paging::parse(SPEC, &elsewhere).is_err(), "{ordering}");
    }
}

#[test]
fn rows_are_compared_at_once_where_all_directions_agree_and_field_by_field_where_not() {
    let sql = |ordering| {
        let asked = paging(None, None, Some(""), Some(ordering)).unwrap();
        (asked.order_by(), seek_sql(&paging(None, None, Some(&asked.cursor_at(&row()).unwrap()), Some(ordering)).unwrap()).0)
    };
    let both = |order: &str, seek: &str| (format!(" ORDER BY {order}"), format!(" WHERE t.status = $1 AND {seek}"));
    assert_eq!(sql("-fee,-at"), both("t.fee DESC, t.at DESC, t.id DESC", "(t.fee, t.at, t.id) < ($2, $3, $4)"));
    let alternatives = "((t.fee > $2) OR (t.fee = $2 AND t.at < $3) OR (t.fee = $2 AND t.at = $3 AND t.id < $4))";
    assert_eq!(sql("fee,-at"), both("t.fee, t.at DESC, t.id DESC", alternatives));
}

#[test]
fn every_list_can_be_ordered_by_id_and_nothing_counts_after_it() {
    for (ordering, order) in [("id", "t.id"), ("-id", "t.id DESC"), ("-fee,id,name", "t.fee DESC, t.id"), ("seq,-id", "t.seq, t.id DESC")] {
        let asked = paging(None, None, Some(""), Some(ordering)).unwrap();
        assert_eq!(asked.order_by(), format!(" ORDER BY {order}"), "{ordering}");
        let cursor = asked.cursor_at(&row()).unwrap();
        let further = paging(None, None, Some(&cursor), Some(ordering)).unwrap();
        assert_eq!(seek_sql(&further).1, 1 + order.split(',').count(), "{ordering}");
    }
}

#[test]
fn a_row_that_does_not_show_its_key_is_a_fault_of_ours() {
    let asked = paging(None, None, Some(""), Some("fee")).unwrap();
    assert_eq!(asked.cursor_at(&json!({"id": 1})).unwrap_err().code(), common::INTERNAL);
    assert_eq!(asked.cursor_at(&json!({"fee": "1.00"})).unwrap_err().code(), common::INTERNAL);
}

#[test]
fn every_wrong_parameter_is_named_at_once() {
    let error = paging(Some("0"), Some("501"), Some("!"), Some("seq,height")).unwrap_err();
    let names: Vec<&str> = error.wrong_fields().iter().map(|wrong| wrong.pointer.as_str()).collect();
    assert_eq!((error.code(), names), (common::INVALID_PARAMETER, vec!["page_size", "page", "ordering", "cursor"]));
    assert!(paging(None, None, None, Some("seq,-seq")).unwrap().order.len() == 1);
    assert!(paging(None, None, None, Some("")).unwrap().orders_by("seq"));
}

proptest! {
    #[test]
    fn pages_reach_as_far_as_rows_and_no_further(page in 1_i64..200_000, size in 1_i64..=500) {
        let outcome = paging(Some(&page.to_string()), Some(&size.to_string()), None, None).map_err(|error| error.code());
        prop_assert_eq!(outcome.is_ok(), (page - 1) * size < REACH);
        if let Err(code) = outcome {
            prop_assert_eq!(code, common::PAGE_TOO_FAR);
        }
    }

    #[test]
    fn no_parameters_make_it_panic(page in ".{0,20}", size in "[-+0-9]{0,20}", cursor in ".{0,40}", ordering in "[-,a-z]{0,20}") {
        let _ = paging(Some(&page), Some(&size), Some(&cursor), Some(&ordering));
        let _ = paging(Some(&size), None, None, Some(&page));
    }

    #[test]
    fn no_text_and_no_forged_keys_make_a_cursor_panic(text in ".{0,60}", bytes in collection::vec(any::<u8>(), 0..60), number in any::<i64>(), word in ".{0,20}") {
        let _ = decode(&text);
        let _ = decode(&BASE64_URL_SAFE_NO_PAD.encode(&bytes));
        let keys = [json!(number), json!(word), json!(null), json!([word]), json!({"a": number}), json!(true), json!("2026-01-31"), json!("9".repeat(40)), json!(1e300)];
        for first in &keys {
            for second in &keys {
                let forged = json!({"l": &sha256(b"/things")[..8], "o": "fee,-at", "k": [first, second], "i": number}).to_string();
                if let Ok(asked) = paging(None, None, Some(&BASE64_URL_SAFE_NO_PAD.encode(forged)), Some("fee,-at")) {
                    prop_assert_eq!(seek_sql(&asked).1, 4);
                }
            }
        }
    }

    #[test]
    fn keys_come_back_as_they_went(seq in any::<i64>(), name in "[^\u{0}]{0,20}", fee in -9_999_999_999_999_i64..=9_999_999_999_999, on in any::<bool>(), id in any::<i64>()) {
        let row = json!({"id": id, "seq": seq, "name": name, "fee": Money::from_minor(fee).unwrap(), "on": on});
        let ordering = "name,-fee,on,seq";
        let cursor = paging(None, None, Some(""), Some(ordering)).unwrap().cursor_at(&row).unwrap();
        let cursor = decode(&cursor).unwrap();
        prop_assert_eq!((cursor.k, cursor.i, cursor.o.as_str()), (vec![json!(name), row["fee"].clone(), json!(on), json!(seq)], id, ordering));
    }
}

#[test]
fn a_forged_cursor_cannot_name_years_that_no_row_lies_in() {
    let read = |kind, key: &str| {
        let order = [(OrderField { name: "at", column: "at", kind }, false)];
        keys(&order, &Cursor { l: String::new(), o: "at".to_owned(), k: vec![key.into()], i: 1 }).is_some()
    };
    assert!(read(KeyKind::Time, "2026-01-01T00:00:00Z") && read(KeyKind::Date, "2026-01-01"));
    for year in ["-9999", "+10000", "+262142"] {
        assert!(!read(KeyKind::Time, &format!("{year}-01-01T00:00:00Z")), "{year}");
        assert!(!read(KeyKind::Date, &format!("{year}-01-01")), "{year}");
    }
}
