//! Thrift's compact protocol, in which Parquet writes its footer and the headers of its pages.
//!
//! It is read here and not by the parquet crate, whose reader follows a nested schema by
//! recursion and takes memory for as many items as a length says. This one reads what it is asked
//! for, skips the rest without recursion, and believes no length that the bytes cannot fill.

use super::unreadable::{Result, Unreadable};

/// Deepest nesting that is skipped.
const MAX_DEPTH: usize = 64;

/// How a value is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wire {
    /// A truth value, which is in the type itself.
    Flag(bool),
    Byte,
    /// An integer of 16, 32 or 64 bits.
    Integer,
    Double,
    Bytes,
    List,
    Struct,
}

/// Bytes in the compact protocol, read from the first to the last.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Compact<'a> {
    rest: &'a [u8],
}

/// What is open while a value is skipped.
enum Open {
    Struct,
    /// A list with so many items left.
    Items(Wire, usize),
}

impl<'a> Compact<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// Bytes that are not read yet.
    pub(crate) fn left(&self) -> usize {
        self.rest.len()
    }

    /// Reads a struct: calls `each` with the number and type of every field, which has to read or
    /// skip it.
    pub(crate) fn fields(
        &mut self,
        mut each: impl FnMut(&mut Self, i64, Wire) -> Result<()>,
    ) -> Result<()> {
        let mut last = 0;
        while let Some((id, wire)) = self.field(last)? {
            each(self, id, wire)?;
            last = id;
        }
        Ok(())
    }

    /// A whole number of at most 64 bits.
    pub(crate) fn integer(&mut self, wire: Wire) -> Result<i64> {
        match wire {
            Wire::Integer => {
                let number = self.varint()?;
                Ok((number >> 1) as i64 ^ -((number & 1) as i64))
            }
            Wire::Byte => Ok(i64::from(self.byte()? as i8)),
            other => Err(unexpected("a whole number", other)),
        }
    }

    /// A whole number of at most 32 bits.
    pub(crate) fn small(&mut self, wire: Wire) -> Result<i32> {
        let number = self.integer(wire)?;
        i32::try_from(number).map_err(|_| Unreadable::damaged(format!("{number} in 32 bits")))
    }

    /// A truth value of a field.
    pub(crate) fn flag(&self, wire: Wire) -> Result<bool> {
        match wire {
            Wire::Flag(flag) => Ok(flag),
            other => Err(unexpected("a truth value", other)),
        }
    }

    /// A text.
    pub(crate) fn text(&mut self, wire: Wire) -> Result<&'a str> {
        match wire {
            Wire::Bytes => std::str::from_utf8(self.bytes()?).map_err(Unreadable::damaged),
            other => Err(unexpected("a text", other)),
        }
    }

    /// Type and number of a list's items, which follow.
    pub(crate) fn list(&mut self, wire: Wire) -> Result<(Wire, usize)> {
        if wire != Wire::List {
            return Err(unexpected("a list", wire));
        }
        let header = self.byte()?;
        // Some writers give an empty list no type.
        if header == 0 {
            return Ok((Wire::Byte, 0));
        }
        let count = match header >> 4 {
            15 => self.varint()?,
            count => u64::from(count),
        };
        // Every item takes a byte or more.
        let count = usize::try_from(count).ok().filter(|count| *count <= self.left());
        let Some(count) = count else { return Err(ends_early()) };
        Ok((item(header & 15)?, count))
    }

    /// Reads over a value, whatever it is.
    pub(crate) fn skip(&mut self, wire: Wire) -> Result<()> {
        let mut open = Vec::new();
        let mut next = Some(wire);
        loop {
            match next.take() {
                None | Some(Wire::Flag(_)) => {}
                Some(Wire::Byte) => drop(self.take(1)?),
                Some(Wire::Integer) => drop(self.varint()?),
                Some(Wire::Double) => drop(self.take(8)?),
                Some(Wire::Bytes) => drop(self.bytes()?),
                Some(Wire::Struct) => open.push(Open::Struct),
                Some(Wire::List) => {
                    let (item, count) = self.list(Wire::List)?;
                    open.push(Open::Items(item, count));
                }
            }
            if open.len() > MAX_DEPTH {
                return Err(Unreadable::damaged(format!("values nested over {MAX_DEPTH} deep")));
            }
            next = match open.last_mut() {
                None => return Ok(()),
                Some(Open::Items(item, left)) if *left > 0 => {
                    *left -= 1;
                    Some(*item)
                }
                Some(Open::Struct) => self.field(0)?.map(|(_, wire)| wire),
                Some(Open::Items(..)) => None,
            };
            if next.is_none() {
                open.pop();
            }
        }
    }

    /// Number and type of the next field of a struct; none at its end.
    fn field(&mut self, last: i64) -> Result<Option<(i64, Wire)>> {
        let header = self.byte()?;
        if header & 15 == 0 {
            return Ok(None);
        }
        let wire = match header & 15 {
            1 => Wire::Flag(true),
            2 => Wire::Flag(false),
            kind => item(kind)?,
        };
        let id = match header >> 4 {
            0 => self.integer(Wire::Integer)?,
            step => last.saturating_add(i64::from(step)),
        };
        Ok(Some((id, wire)))
    }

    /// A whole number of at most 64 bits, seven in a byte.
    pub(super) fn varint(&mut self) -> Result<u64> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(number);
            }
        }
        Err(Unreadable::damaged("a number of more than 64 bits"))
    }

    fn bytes(&mut self) -> Result<&'a [u8]> {
        let length = self.varint()?;
        self.take(usize::try_from(length).map_err(|_| ends_early())?)
    }

    fn byte(&mut self) -> Result<u8> {
        Ok(self.take(1)?[0])
    }

    /// The next `count` bytes.
    pub(super) fn take(&mut self, count: usize) -> Result<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(count).ok_or_else(ends_early)?;
        self.rest = rest;
        Ok(taken)
    }
}

/// The type of an item of a list, or of a field that is no truth value.
fn item(kind: u8) -> Result<Wire> {
    Ok(match kind {
        // An item that is a truth value takes a byte, unlike a field.
        1..=3 => Wire::Byte,
        4..=6 => Wire::Integer,
        7 => Wire::Double,
        8 => Wire::Bytes,
        9 => Wire::List,
        12 => Wire::Struct,
        // Parquet has no sets, maps or identifiers.
        other => return Err(Unreadable::damaged(format!("a value of the unknown type {other}"))),
    })
}

fn ends_early() -> Unreadable {
    Unreadable::damaged("metadata that ends early")
}

fn unexpected(wanted: &str, found: Wire) -> Unreadable {
    Unreadable::damaged(format!("{found:?} in the metadata where {wanted} belongs"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

    use super::*;

    fn skip(bytes: &[u8], wire: Wire) -> Result<usize> {
        let mut compact = Compact::new(bytes);
        compact.skip(wire)?;
        Ok(compact.left())
    }

    /// Field 1 is 150 (the protocol's own example of a number), field 3 a text, field 20 true.
    #[test]
    fn fields_are_read_by_number() {
        let bytes = [0x15, 0xac, 0x02, 0x28, 2, b'o', b'k', 0x01, 40, 0x00, 9];
        let mut seen = (0, "", false);
        let mut compact = Compact::new(&bytes);
        let read = compact.fields(|c, id, wire| {
            match id {
                1 => seen.0 = c.integer(wire)?,
                3 => seen.1 = c.text(wire)?,
                20 => seen.2 = c.flag(wire)?,
                _ => c.skip(wire)?,
            }
            Ok(())
        });
        read.unwrap();
        assert_eq!((seen, compact.left()), ((150, "ok", true), 1));
        assert_eq!(skip(&bytes, Wire::Struct), Ok(1));
    }

    #[test]
    fn no_length_is_believed_that_the_bytes_cannot_fill() {
        // A list of 2³¹ − 1 bytes, of truth values, of empty structs; a text of 2⁶⁴ − 1 bytes.
        for kind in [0xf3, 0xf1, 0xfc] {
            let bytes = [kind, 0xff, 0xff, 0xff, 0xff, 0x07, 0, 0];
            assert_eq!(skip(&bytes, Wire::List), Err(ends_early()));
        }
        let mut text = vec![0xff; 9];
        text.push(1);
        assert_eq!(skip(&text, Wire::Bytes), Err(ends_early()));
        assert!(skip(&[0x80; 11], Wire::Integer).is_err());
        assert_eq!(skip(&[], Wire::Byte), Err(ends_early()));
    }

    #[test]
    fn nesting_is_bounded_and_takes_no_stack() {
        // A list of one list of one list …, and a struct in a struct.
        for (byte, wire) in [(0x19, Wire::List), (0x1c, Wire::Struct)] {
            assert!(skip(&vec![byte; 1 << 20], wire).is_err());
        }
        assert_eq!(skip(&[0x19, 0x19, 0x13, 7], Wire::List), Ok(0));
    }
}
