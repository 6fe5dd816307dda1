//! Office documents by the directory of their archive.
//!
//! The order of the parts in a `.docx` or `.xlsx` differs between the programs that write it, so its beginning does not tell what it is.

/// What the directory of an archive shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Archive {
    /// A document without macros, of this media type.
    Document(&'static str),
    /// A document with macros.
    WithMacros,
}

const END: &[u8] = b"PK\x05\x06";
const ENTRY: &[u8] = b"PK\x01\x02";

/// Folders of the parts of each kind of document.
const FOLDERS: [(&str, &str); 3] = [
    ("word/", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
    ("xl/", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
    ("ppt/", "application/vnd.openxmlformats-officedocument.presentationml.presentation"),
];

/// What an archive is, by the last bytes of the file; `None` if it is no office document, or if the directory is not within these bytes.
pub fn kind(tail: &[u8]) -> Option<Archive> {
    let names = names(tail)?;
    if names.iter().any(|name| name.to_ascii_lowercase().ends_with("vbaproject.bin")) {
        return Some(Archive::WithMacros);
    }
    if !names.contains(&"[Content_Types].xml") {
        return None;
    }
    let found = FOLDERS.iter().find(|(folder, _)| names.iter().any(|name| name.starts_with(folder)));
    found.map(|(_, media_type)| Archive::Document(media_type))
}

/// The names of the parts.
fn names(tail: &[u8]) -> Option<Vec<&str>> {
    let end = tail.windows(END.len()).rposition(|window| window == END)?;
    let size = number::<4>(tail, end + 12)?;
    let mut at = end.checked_sub(size)?;
    let mut names = Vec::new();
    while at < end {
        if tail.get(at..at + ENTRY.len())? != ENTRY {
            return None;
        }
        let [name, extra, comment] = [28, 30, 32].map(|field| number::<2>(tail, at + field));
        let (name, extra, comment) = (name?, extra?, comment?);
        names.push(std::str::from_utf8(tail.get(at + 46..at + 46 + name)?).ok()?);
        at += 46 + name + extra + comment;
    }
    Some(names)
}

/// A number of so many bytes, the lowest first.
fn number<const BYTES: usize>(data: &[u8], at: usize) -> Option<usize> {
    let bytes = data.get(at..at.checked_add(BYTES)?)?;
    bytes.iter().rev().try_fold(0_usize, |number, byte| number.checked_mul(256)?.checked_add(usize::from(*byte)))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// An archive with these empty parts, in this order.
    pub(in crate::model) fn archive(names: &[&str]) -> Vec<u8> {
        let (mut file, mut directory) = (Vec::new(), Vec::new());
        for name in names {
            let length = u16::try_from(name.len()).unwrap().to_le_bytes();
            directory.extend([ENTRY, &[20, 0, 20, 0, 0, 0, 0, 0, 0, 0, 0, 0], &[0; 12], &length, &[0; 12]].concat());
            directory.extend(u32::try_from(file.len()).unwrap().to_le_bytes());
            directory.extend(name.as_bytes());
            file.extend([b"PK\x03\x04", &[20, 0, 0, 0, 0, 0, 0, 0, 0, 0][..], &[0; 12], &length, &[0; 2], name.as_bytes()].concat());
        }
        let count = u16::try_from(names.len()).unwrap().to_le_bytes();
        let (size, offset) = (u32::try_from(directory.len()).unwrap(), u32::try_from(file.len()).unwrap());
        file.extend(directory);
        file.extend([END, &[0; 4], &count, &count, &size.to_le_bytes(), &offset.to_le_bytes(), &[0; 2]].concat());
        file
    }

    #[test]
    fn documents_are_known_in_whatever_order_their_parts_come() {
        let documents = [
            (&["[Content_Types].xml", "_rels/.rels", "docProps/core.xml", "word/document.xml"][..], FOLDERS[0].1),
            (
                &["docProps/app.xml", "docProps/core.xml", "docProps/thumbnail.jpeg", "word/document.xml", "[Content_Types].xml"],
                FOLDERS[0].1,
            ),
            (&["xl/workbook.xml", "xl/worksheets/sheet1.xml", "[Content_Types].xml", "_rels/.rels"], FOLDERS[1].1),
            (&["docProps/app.xml", "ppt/presentation.xml", "[Content_Types].xml"], FOLDERS[2].1),
        ];
        for (names, media_type) in documents {
            assert_eq!(kind(&archive(names)), Some(Archive::Document(media_type)));
        }
        assert_eq!(kind(&archive(&["word/document.xml", "[Content_Types].xml", "word/vbaProject.bin"])), Some(Archive::WithMacros));
        for none in [&["word/document.xml"][..], &["[Content_Types].xml"], &["a.exe"], &[]] {
            assert_eq!(kind(&archive(none)), None);
        }
        let whole = archive(&["[Content_Types].xml", "word/document.xml"]);
        for cut in 0..whole.len() {
            kind(&whole[..cut]);
            kind(&whole[cut..]);
        }
    }
}
