//! Files attached to tickets: safe names, and detection of the type from the content.

use chrono::{DateTime, Utc};
use kernel::{
    FieldErrors, Result,
    error::field,
    id::{TicketAttachmentId, TicketId, UserId},
};
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    archive::{self, Archive},
    file_name,
};

/// The maximum size of a file, in bytes.
pub const MOST_BYTES: u64 = 10 * 1024 * 1024;
/// The maximum number of files of a ticket.
pub const MOST_FILES: i64 = 100;
/// The maximum length of a file's name, in characters.
const LONGEST_NAME: usize = 255;
/// The number of bytes at the beginning of a file from which its type is detected.
const HEAD: usize = 16 * 1024;
/// The number of bytes at the end of a file in which the directory of an archive is looked for.
const TAIL: usize = 128 * 1024;

/// A file attached to a ticket. It cannot be changed.
#[derive(Clone, Debug, Serialize, ToSchema, sqlx_macros::FromRow)]
#[schema(example = json!({
    "id": 9, "ticket_id": 31, "name": "скриншот.png", "media_type": "image/png", "size": 48213,
    "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08", "uploaded_by": 2, "uploader": "ivanova",
    "created_at": "2026-01-15T09:32:00Z"
}))]
pub struct TicketAttachment {
    /// The id.
    pub id: TicketAttachmentId,
    /// The ticket.
    pub ticket_id: TicketId,
    /// The file's name, without path and unsafe characters.
    pub name: String,
    /// The media type detected from the content.
    pub media_type: String,
    /// The size in bytes.
    pub size: i64,
    /// SHA-256 of the content, in hexadecimal.
    pub sha256: String,
    /// The user who attached the file.
    pub uploaded_by: Option<UserId>,
    /// The user's name at that time.
    pub uploader: String,
    /// When the file was attached.
    pub created_at: DateTime<Utc>,
    /// The key of the file in the store.
    #[serde(skip)]
    pub file_key: String,
}

/// A file in the store that is not attached yet.
#[derive(Clone, Debug)]
pub struct NewFile {
    /// The key of the file in the store.
    pub file_key: String,
    /// A safe name.
    pub name: String,
    /// The media type detected from the content.
    pub media_type: &'static str,
    /// The size in bytes.
    pub size: i64,
    /// SHA-256 of the content, in hexadecimal.
    pub sha256: String,
}

/// Returns the safe form of a file's name: the last part of a path, without characters that mislead people or file systems.
///
/// If nothing is left, the name is `file`. Errors: `invalid_length` in the field `file` for a name that is too long.
pub fn safe_name(given: &str) -> Result<String> {
    let given = file_name::meant(given);
    let last = given.rsplit(['/', '\\']).next().unwrap_or_default();
    // characters that reverse the writing direction make `exe.gpj` look like `jpg.exe`; the others are invisible
    let unseen = |letter: &char| {
        letter.is_control()
            || matches!(letter, '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
    };
    let plain = |letter: char| if matches!(letter, ':' | '*' | '?' | '"' | '<' | '>' | '|') { '_' } else { letter };
    let name: String = last.chars().filter(|letter| !unseen(letter)).map(plain).collect();
    let name = name.trim_matches(['.', ' ']);
    if name.chars().count() > LONGEST_NAME {
        let mut wrong = FieldErrors::default();
        wrong.add("file", field::LENGTH).with("min", 1).with("max", LONGEST_NAME);
        wrong.into_result()?;
    }
    Ok(if name.is_empty() { "file".to_owned() } else { name.to_owned() })
}

/// An accepted file type.
struct FileType {
    media_type: &'static str,
    /// The allowed extensions of the name; messages use the first.
    extensions: &'static [&'static str],
    /// Other media types that senders declare for it.
    aliases: &'static [&'static str],
}

const fn kind(media_type: &'static str, extensions: &'static [&'static str], aliases: &'static [&'static str]) -> FileType {
    FileType { media_type, extensions, aliases }
}

/// Pictures, documents without macros, recordings: nothing executable, and no archives, whose content is unknown.
const TYPES: [FileType; 18] = [
    kind("image/jpeg", &["jpg", "jpeg", "jpe"], &["image/jpg", "image/pjpeg"]),
    kind("image/png", &["png"], &["image/x-png"]),
    kind("image/gif", &["gif"], &[]),
    kind("image/webp", &["webp"], &[]),
    kind("image/tiff", &["tiff", "tif"], &[]),
    kind("image/heif", &["heic", "heif"], &["image/heic"]),
    kind("application/pdf", &["pdf"], &["application/x-pdf"]),
    kind("application/vnd.openxmlformats-officedocument.wordprocessingml.document", &["docx"], &[]),
    kind("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", &["xlsx"], &[]),
    kind("application/vnd.openxmlformats-officedocument.presentationml.presentation", &["pptx"], &[]),
    kind("application/vnd.oasis.opendocument.text", &["odt"], &[]),
    kind("application/vnd.oasis.opendocument.spreadsheet", &["ods"], &[]),
    kind("audio/mpeg", &["mp3"], &["audio/mp3"]),
    kind("audio/ogg", &["ogg", "oga"], &["application/ogg"]),
    kind("audio/x-wav", &["wav"], &["audio/wav", "audio/wave", "audio/vnd.wave"]),
    kind("audio/amr", &["amr"], &[]),
    kind("audio/m4a", &["m4a"], &["audio/mp4", "audio/x-m4a"]),
    kind("video/mp4", &["mp4"], &[]),
];
const TEXT: FileType = kind("text/plain", &["txt", "log", "md"], &["text/markdown", "text/x-log"]);
// browsers may declare a CSV file as the type of the spreadsheet program that opens it
const TABLE: FileType = kind("text/csv", &["csv"], &["text/plain", "application/vnd.ms-excel", "application/csv"]);

/// Detects the type of a file while it arrives in pieces.
pub struct Sniffer {
    head: Vec<u8>,
    // the last bytes, at most twice as many as are looked at
    tail: Vec<u8>,
    size: u64,
    /// The beginning of a character whose end may arrive with the next piece.
    rest: Vec<u8>,
    is_text: bool,
}

impl Default for Sniffer {
    fn default() -> Self {
        Self { head: Vec::new(), tail: Vec::new(), size: 0, rest: Vec::new(), is_text: true }
    }
}

impl Sniffer {
    /// Reads the next piece; returns the number of bytes so far.
    pub fn feed(&mut self, piece: &[u8]) -> u64 {
        self.size += piece.len() as u64;
        let missing = HEAD.saturating_sub(self.head.len()).min(piece.len());
        self.head.extend_from_slice(piece.get(..missing).unwrap_or_default());
        if self.head.starts_with(b"PK") {
            self.tail.extend_from_slice(piece);
            if self.tail.len() > 2 * TAIL {
                self.tail.drain(..self.tail.len() - TAIL);
            }
        }
        if self.is_text {
            self.rest.extend_from_slice(piece);
            let (whole, bad) = match std::str::from_utf8(&self.rest) {
                Ok(text) => (text, false),
                Err(error) => {
                    let valid = self.rest.get(..error.valid_up_to()).unwrap_or_default();
                    (std::str::from_utf8(valid).unwrap_or_default(), error.error_len().is_some())
                }
            };
            let control = |letter: char| letter.is_control() && !matches!(letter, '\t' | '\n' | '\r' | '\u{c}');
            self.is_text = !bad && !whole.contains(control);
            let read = whole.len();
            self.rest.drain(..read);
        }
        self.size
    }

    /// Returns the media type of the file. `name` is its safe name, `declared` the media type that the sender declares.
    ///
    /// Errors: `file_empty`, `file_type_not_allowed`, `file_type_mismatch` in the field `file`.
    pub fn verdict(&self, name: &str, declared: Option<&str>) -> Result<&'static str> {
        let mut wrong = FieldErrors::default();
        let mut found = None;
        if self.size == 0 {
            wrong.add("file", field::FILE_EMPTY);
        } else {
            let candidates = self.candidates();
            let extension = name.rsplit_once('.').map(|(_, extension)| extension.to_lowercase());
            let fits = |one: &&FileType| {
                let by_name = extension.as_deref().is_none_or(|extension| one.extensions.contains(&extension));
                let known = |declared: &str| {
                    declared == "application/octet-stream" || declared == one.media_type || one.aliases.contains(&declared)
                };
                by_name && declared.is_none_or(|declared| known(&declared.to_ascii_lowercase()))
            };
            found = candidates.iter().find(|one| fits(one)).map(|one| one.media_type);
            if candidates.is_empty() {
                let types: Vec<&str> = TYPES.iter().chain([&TEXT, &TABLE]).map(|one| one.extensions[0]).collect();
                wrong.add("file", field::FILE_TYPE).with("types", types.join(", "));
            } else if found.is_none() {
                wrong.add("file", field::FILE_MISMATCH);
            }
        }
        wrong.into_result()?;
        Ok(found.unwrap_or(TEXT.media_type))
    }

    fn candidates(&self) -> Vec<&'static FileType> {
        let sniffed = match archive::kind(&self.tail) {
            Some(Archive::Document(media_type)) => Some(media_type),
            // what runs is not accepted under any name
            Some(Archive::WithMacros) => return Vec::new(),
            None => infer::get(&self.head).map(|found| found.mime_type()),
        };
        let mut candidates: Vec<&FileType> = TYPES.iter().filter(|one| sniffed == Some(one.media_type)).collect();
        // the library detects some pictures by two letters, which may also begin a text; but pages, scripts and programs are not plain text
        let plain = sniffed.is_none_or(|sniffed| !sniffed.starts_with("text/") && !sniffed.starts_with("application/"));
        if plain && self.is_text && self.rest.is_empty() {
            candidates.extend([&TEXT, &TABLE]);
        }
        candidates
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR";

    fn verdict(content: &[u8], name: &str, declared: Option<&str>) -> Result<&'static str, &'static str> {
        let mut sniffer = Sniffer::default();
        sniffer.feed(content);
        sniffer.verdict(name, declared).map_err(|error| error.wrong_fields()[0].code)
    }

    #[test]
    fn the_content_decides_and_name_and_declared_type_must_agree() {
        assert_eq!(verdict(PNG, "a.png", Some("image/png")), Ok("image/png"));
        assert_eq!(verdict(PNG, "A.PNG", None), Ok("image/png"));
        assert_eq!(verdict(PNG, "no extension", Some("application/octet-stream")), Ok("image/png"));
        assert_eq!(verdict(PNG, "a.jpg", None), Err(field::FILE_MISMATCH));
        assert_eq!(verdict(PNG, "a.png", Some("text/html")), Err(field::FILE_MISMATCH));
        assert_eq!(verdict(b"%PDF-1.7\nplain letters", "a.pdf", Some("Application/PDF")), Ok("application/pdf"));
        assert_eq!(verdict(b"%PDF-1.7\nplain letters", "a.txt", None), Err(field::FILE_MISMATCH));
        assert_eq!(verdict("Журнал: всё в порядке".as_bytes(), "a.log", Some("text/plain")), Ok("text/plain"));
        assert_eq!(verdict("имя;телефон\n".as_bytes(), "a.csv", Some("application/vnd.ms-excel")), Ok("text/csv"));
        assert_eq!(verdict("BMW не заводится".as_bytes(), "a.txt", None), Ok("text/plain"));
    }

    #[test]
    fn an_office_document_of_any_writer_is_taken_and_one_with_macros_is_not() {
        let archive = archive::tests::archive;
        let document = archive(&["docProps/app.xml", "docProps/core.xml", "word/document.xml", "[Content_Types].xml"]);
        assert_eq!(verdict(&document, "a.docx", None), Ok("application/vnd.openxmlformats-officedocument.wordprocessingml.document"));
        assert_eq!(verdict(&document, "a.xlsx", None), Err(field::FILE_MISMATCH));
        let table = archive(&["xl/workbook.xml", "[Content_Types].xml", "_rels/.rels"]);
        assert_eq!(verdict(&table, "a.xlsx", None), Ok("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"));
        let macros = archive(&["[Content_Types].xml", "_rels/.rels", "word/document.xml", "word/vbaProject.bin"]);
        for name in ["a.docx", "a.docm", "a.txt"] {
            assert_eq!(verdict(&macros, name, None), Err(field::FILE_TYPE));
        }
        assert_eq!(verdict(&archive(&["a.exe"]), "a.docx", None), Err(field::FILE_TYPE));
        // longer than what is kept of its end
        let mut long = document.clone();
        let at = 30;
        long.splice(at..at, std::iter::repeat_n(0, 5 * TAIL));
        assert_eq!(verdict(&long, "a.docx", None), Ok("application/vnd.openxmlformats-officedocument.wordprocessingml.document"));
    }

    #[test]
    fn what_could_run_is_refused_under_any_name() {
        let page = b"<!DOCTYPE html><html><script>alert(1)</script></html>".as_slice();
        let drawing = b"<?xml version=\"1.0\"?><svg xmlns=\"http://www.w3.org/2000/svg\"/>".as_slice();
        let program = b"MZ\x90\0\x03\0\0\0".as_slice();
        for content in [page, drawing, program, b"#!/bin/sh\nrm -rf /", b"PK\x03\x04\x14\0\0\0rest of an archive", b"\x7fELF\x02\x01\x01\0"]
        {
            for name in ["a.txt", "a.png", "a.html", "a.svg", "a"] {
                let refused = verdict(content, name, None);
                assert!(matches!(refused, Err(field::FILE_TYPE | field::FILE_MISMATCH)), "{name}: {refused:?}");
            }
        }
        assert_eq!(verdict(b"plain", "a.html", None), Err(field::FILE_MISMATCH));
        assert_eq!(verdict(b"plain", "a.txt", Some("text/html")), Err(field::FILE_MISMATCH));
        assert_eq!(verdict(b"", "a.txt", None), Err(field::FILE_EMPTY));
        for no_text in [b"a\0b".as_slice(), b"\xd0", b"\xff\xfe", b"a\x1b[31m"] {
            assert_eq!(verdict(no_text, "a.txt", None), Err(field::FILE_TYPE), "{no_text:?}");
        }
    }

    #[test]
    fn a_name_keeps_what_people_read_and_nothing_that_leads_elsewhere() {
        for (given, kept) in [
            ("скриншот №1.png", "скриншот №1.png"),
            ("../../etc/passwd", "passwd"),
            ("C:\\Users\\a\\b.txt", "b.txt"),
            ("/", "file"),
            ("", "file"),
            ("..", "file"),
            (".htaccess", "htaccess"),
            ("a\r\nSet-Cookie: x.txt", "aSet-Cookie_ x.txt"),
            ("invoice\u{202e}gpj.exe", "invoicegpj.exe"),
            ("a\"b;c*.txt", "a_b;c_.txt"),
            ("a\0.png ", "a.png"),
        ] {
            assert_eq!(safe_name(given).unwrap(), kept, "{given:?}");
        }
        assert_eq!(safe_name(&"ё".repeat(255)).unwrap(), "ё".repeat(255));
        assert_eq!(safe_name(&"x".repeat(300)).unwrap_err().wrong_fields()[0].code, field::LENGTH);
    }

    proptest! {
        #[test]
        fn text_is_text_however_it_is_cut(text in "[a-zё🙂\n]{1,200}", cuts in proptest::collection::vec(1_usize..7, 1..40)) {
            let mut sniffer = Sniffer::default();
            let (mut bytes, mut cuts) = (text.as_bytes(), cuts.iter().cycle());
            while !bytes.is_empty() {
                let (piece, rest) = bytes.split_at(bytes.len().min(*cuts.next().unwrap()));
                sniffer.feed(piece);
                bytes = rest;
            }
            prop_assert_eq!(sniffer.verdict("a.txt", None).unwrap(), "text/plain");
        }

        #[test]
        fn no_name_leads_out_of_a_folder(given in "\\PC{0,60}") {
            let name = safe_name(&given).unwrap();
            prop_assert!(!name.is_empty() && !name.starts_with('.') && !name.contains(['/', '\\', '\0', '"', '\n']));
            prop_assert_eq!(safe_name(&name).unwrap(), name);
        }
    }
}
