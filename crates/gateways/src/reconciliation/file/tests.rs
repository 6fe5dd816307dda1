use proptest::prelude::*;

use super::*;

fn wrong(text: &[u8]) -> Vec<(String, &'static str)> {
    let error = read(text, Country::Ru).unwrap_err();
    error.wrong_fields().iter().map(|wrong| (wrong.pointer.clone(), wrong.code)).collect()
}

/// The rows, each as `reference amount currency`, or as the line, the reference and the problem.
fn rows(text: impl AsRef<[u8]>) -> Vec<String> {
    let text_of = |row: FileRow| match row.content {
        Ok(settled) => format!("{} {} {}", settled.reference, settled.amount, settled.currency),
        Err(unreadable) => format!("{}: {} {}", row.line, unreadable.reference, unreadable.problem),
    };
    read(text.as_ref(), Country::Ru).unwrap().into_iter().map(text_of).collect()
}

#[test]
fn files_are_read_as_gateways_banks_and_spreadsheets_write_them() {
    let expected = ["7 1100.50 RUB", "8 -0.30 RUB"];
    let russian = "Номер платежа;Плательщик;Сумма, руб.\r\n7;Иванов;1 100,50\r\n8;Петров;-0,30\r\n;;\r\nИтого:;;1 100,20\r\n";
    let (windows, _, _) = WINDOWS_1251.encode(russian);
    let utf_16: Vec<u8> = "\u{feff}txn_id\tsum\n7\t1100,5\n8\t−0,3\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    for file in [
        b"reference,amount,currency\n7,1100.5,RUB\n8,-0.30,RUB\n".to_vec(),
        "\u{feff}Reference;Payer;AMOUNT;currency\r\n7;\"Иванов; Пётр\";1100.50;RUB\r\n\r\n8;=1+1;-0.3;rub".into(),
        b"currency\treference\tamount\nRUB\t 7 \t1100.50\nRUB\t8\t-0.3\n".to_vec(),
        b"sep=;\nreference;amount;currency\n7;1100,5;RUB\n8;(0,30);RUR\n;;\n".to_vec(),
        b"\"sep=|\"\nreference|amount\n7|1100,5\n8|0,30-\n".to_vec(),
        russian.into(),
        windows.into_owned(),
        utf_16,
        "Реестр платежей;;\nза 31.01.2026;;\n\n№;Дата;Номер документа;Сумма операции;Валюта\n1;31.01.2026;7;1'100.50;643\n\
         2;31.01.2026;=\"8\";-0,30 руб.;руб.\nВсего;;;1 100,20;\n"
            .into(),
        "reference,amount,note\r\n7,\"1,100.50\",\"two\r\nlines, and \"\"quotes\"\"\"\r\n8,-0.3,27\" screen\r\n".into(),
        "reference;amount\r7.0;1100,50\r8;-0,30\r".into(),
    ] {
        assert_eq!(rows(&file), expected, "{}", String::from_utf8_lossy(&file));
    }
    assert_eq!(rows("reference,amount,currency\n"), Vec::<String>::new());
    // a payer whose name begins like a total is none
    assert_eq!(rows("payer;reference;amount\nИтогов;7;1\nИтого;;1\n"), ["7 1.00 RUB"]);
}

#[test]
fn a_bad_row_is_kept_with_its_line_and_stops_nothing_else() {
    let file = "reference,amount,currency\n,1,RUB\n7,1e2,RUB\n8,1,R\n\n9\n10,1,RUB\n11,70,50,RUB\n12,\"1,RUB\n13,0,RUB\n14,2,RUB\n";
    let expected = [
        "2:  required",
        "3: 7 invalid_amount",
        "4: 8 invalid_format",
        "6: 9 invalid_amount",
        "10 1.00 RUB",
        "8: 11 invalid_format",
        "9: 12 invalid_amount",
        "10: 13 invalid_amount",
        "14 2.00 RUB",
    ];
    assert_eq!(rows(file), expected);
    // quotes that are never closed, in two rows, do not swallow what is between them
    assert_eq!(rows("payer;reference;amount\n\"a;7;1\nb;8;1\n\"c;9;1\n"), ["7 1.00 RUB", "8 1.00 RUB", "9 1.00 RUB"]);
    let long = format!("reference,amount\n{},1\n7,1\n", "9".repeat(101));
    assert_eq!(rows(long), ["2:  invalid_format", "7 1.00 RUB"]);
    let kept = read("reference,amount\nщ,x\n".as_bytes(), Country::Ru).unwrap().remove(0).content.unwrap_err();
    assert_eq!(kept, Unreadable { reference: "щ".to_owned(), problem: field::AMOUNT, text: "щ,x".to_owned() });
}

#[test]
fn a_file_without_columns_is_refused_with_what_is_missing() {
    assert_eq!(wrong(b""), [("/file".to_owned(), field::FILE_EMPTY)]);
    for binary in [b"\xff\xfe1,2".as_slice(), b"reference,amount,currency\n7\0,1,RUB", b"PK\x03\x04\xff"] {
        assert_eq!(wrong(binary), [("/file".to_owned(), field::ENCODING)]);
    }
    assert_eq!(wrong(b"reference,amount,Reference\n7,1,7\n"), [("/columns/reference".to_owned(), field::DUPLICATE)]);
    assert_eq!(wrong(b"reference;fee\n7;1\n"), [("/columns/amount".to_owned(), field::REQUIRED)]);
    let neither = [("/columns/reference".to_owned(), field::REQUIRED), ("/columns/amount".to_owned(), field::REQUIRED)];
    assert_eq!(wrong(b"hello\n"), neither);
    assert_eq!(wrong(b"reference,amount,currency,\"currency\"\n"), [("/columns/currency".to_owned(), field::DUPLICATE)]);
}

#[test]
fn a_file_has_bounds() {
    let file = |rows: usize| {
        let rows: String = (1..=rows).map(|n| format!("{n},1.00,RUB\n")).collect();
        format!("reference,amount,currency\n{rows}")
    };
    assert_eq!(rows(file(MOST_ROWS)).len(), MOST_ROWS);
    assert_eq!(wrong(file(MOST_ROWS + 1).as_bytes()), [("/rows".to_owned(), field::LENGTH)]);
    let empty = format!("reference,amount\n{}", "\n".repeat(MOST_LINES_OF_FILE));
    assert_eq!(wrong(empty.as_bytes()), [("/rows".to_owned(), field::LENGTH)]);
    let columns = format!("reference,amount{}\n", ",x".repeat(MOST_COLUMNS));
    assert_eq!(wrong(columns.as_bytes()), [("/columns".to_owned(), field::LENGTH)]);
}

proptest! {
    #[test]
    fn no_bytes_make_reading_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), text in "[a-z0-9,;\"\n\t=+.-]{0,200}") {
        let _ = read(&bytes, Country::Ru);
        let _ = read(text.as_bytes(), Country::Kz);
        let _ = read(format!("reference,amount,currency\n{text}").as_bytes(), Country::Ru);
        let _ = read(&[b"reference;amount\n", bytes.as_slice()].concat(), Country::Ru);
    }
}
