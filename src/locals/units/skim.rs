//! The entries of a unit, most of which are passed over.
//!
//! No entry says where the next begins. All of one abbreviation are of the same size, though, but for blocks and text.

use gimli::{Abbreviation, Reader, UnitOffset};

use super::Slice;

/// What is known of all entries of a unit, by the codes of their abbreviations.
pub(super) struct Shapes<'u> {
    unit: &'u gimli::Unit<Slice>,
    known: Vec<Shape>,
}

#[derive(Clone, Copy)]
struct Shape {
    /// Bytes of its attributes before the one whose size differs, and behind it.
    before: u32,
    behind: u32,
    differs: Differs,
    has_children: bool,
    /// How deep it may be to be wanted.
    deepest: Option<i32>,
}

/// The attribute whose size is not the same in all entries.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Differs {
    None,
    /// A block that begins with its own size.
    Block,
    /// A number in LEB128.
    Number,
    /// There are several, or it is another.
    Else,
}

impl<'u> Shapes<'u> {
    /// `deepest` says of an abbreviation how deep an entry may be to be wanted.
    pub(super) fn new(
        unit: &'u gimli::Unit<Slice>,
        deepest: impl Fn(&Abbreviation) -> Option<i32>,
    ) -> Self {
        let known = (1..).map_while(|code| {
            let abbreviation = unit.abbreviations.get(code)?;
            Some(Shape::of(unit, abbreviation, deepest(abbreviation)))
        });
        Self {
            unit,
            known: known.collect(),
        }
    }
}

impl Shape {
    fn of(unit: &gimli::Unit<Slice>, abbreviation: &Abbreviation, deepest: Option<i32>) -> Self {
        let mut shape = Self {
            before: 0,
            behind: 0,
            differs: Differs::None,
            has_children: abbreviation.has_children(),
            deepest,
        };
        for attribute in abbreviation.attributes() {
            let size = attribute.size(&unit.header).map(u32::try_from);
            match (size, shape.differs) {
                (Some(Ok(size)), Differs::None) => shape.before += size,
                (Some(Ok(size)), _) => shape.behind += size,
                (_, Differs::None) => {
                    shape.differs = match attribute.form() {
                        gimli::DW_FORM_exprloc | gimli::DW_FORM_block => Differs::Block,
                        gimli::DW_FORM_udata | gimli::DW_FORM_sdata => Differs::Number,
                        _ => Differs::Else,
                    };
                }
                _ => shape.differs = Differs::Else,
            }
        }
        shape
    }
}

/// Goes from one entry that is wanted to the next.
pub(super) struct Skim<'u> {
    shapes: &'u Shapes<'u>,
    rest: Slice,
    end: usize,
    /// How deep the next entry is: the first one is not.
    pub(super) depth: i32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Seen {
    /// The entry at this place, of this depth. What is next is what stands in it.
    Wanted(usize, i32),
    /// What is next is no deeper than was asked for.
    Up,
}

impl<'u> Skim<'u> {
    pub(super) fn new(shapes: &'u Shapes<'u>, from: UnitOffset) -> gimli::Result<Self> {
        let header = &shapes.unit.header;
        Ok(Self {
            shapes,
            rest: header.range_from(from..)?,
            end: header.length_including_self(),
            depth: 0,
        })
    }

    /// The place of the next entry.
    pub(super) fn offset(&self) -> usize {
        self.end - self.rest.len()
    }

    /// Goes on until something is wanted, or children have ended and the next is at most so deep.
    pub(super) fn next(&mut self, up: i32) -> gimli::Result<Option<Seen>> {
        while !self.rest.is_empty() {
            let (offset, depth) = (self.offset(), self.depth);
            let code = self.number()?;
            if code == 0 {
                self.depth -= 1;
                if self.depth <= up {
                    return Ok(Some(Seen::Up));
                }
                continue;
            }
            let known = usize::try_from(code - 1).ok();
            let shape = known.and_then(|at| self.shapes.known.get(at));
            let Some(shape) = shape else {
                return Err(gimli::Error::InvalidAbbreviationCode(code));
            };
            if shape.differs == Differs::Else {
                self.skip_slowly(offset)?;
            } else {
                self.skip(shape.before.into())?;
                if shape.differs == Differs::Block {
                    let size = self.number()?;
                    self.skip(size)?;
                } else if shape.differs == Differs::Number {
                    self.number()?;
                }
                self.skip(shape.behind.into())?;
            }
            self.depth += i32::from(shape.has_children);
            if shape.deepest.is_some_and(|deepest| depth <= deepest) {
                return Ok(Some(Seen::Wanted(offset, depth)));
            }
        }
        Ok(None)
    }

    /// Of one byte or two, mostly.
    #[inline]
    fn number(&mut self) -> gimli::Result<u64> {
        match *self.rest.slice() {
            [one, ..] if one < 0x80 => {
                self.skip(1)?;
                Ok(one.into())
            }
            [one, two, ..] if two < 0x80 => {
                self.skip(2)?;
                Ok(u64::from(one & 0x7f) | u64::from(two) << 7)
            }
            _ => self.rest.read_uleb128(),
        }
    }

    #[inline]
    fn skip(&mut self, size: u64) -> gimli::Result<()> {
        self.rest.skip(usize::try_from(size).unwrap_or(usize::MAX))
    }

    fn skip_slowly(&mut self, offset: usize) -> gimli::Result<()> {
        let mut entries = self.shapes.unit.entries_raw(Some(UnitOffset(offset)))?;
        if let Some(abbreviation) = entries.read_abbreviation()? {
            entries.skip_attributes(abbreviation.attributes())?;
        }
        let behind = entries.next_offset().0.saturating_sub(self.offset());
        self.rest.skip(behind)
    }
}
