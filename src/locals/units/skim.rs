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
    /// How deep it may be to be wanted; those that are not are never so deep.
    deepest: i32,
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
            let deepest = deepest(abbreviation).unwrap_or(i32::MIN);
            Some(Shape::of(unit, abbreviation, deepest))
        });
        Self {
            unit,
            known: std::iter::once(Shape::NONE).chain(known).collect(),
        }
    }
}

impl Shape {
    /// What has the code zero is no entry.
    const NONE: Self = Self {
        before: 0,
        behind: 0,
        differs: Differs::None,
        has_children: false,
        deepest: i32::MIN,
    };

    fn of(unit: &gimli::Unit<Slice>, abbreviation: &Abbreviation, deepest: i32) -> Self {
        let mut shape = Self {
            has_children: abbreviation.has_children(),
            deepest,
            ..Self::NONE
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
        if shape.differs == Differs::Else {
            (shape.before, shape.behind) = (0, 0);
        }
        shape
    }
}

/// Goes from one entry that is wanted to the next.
pub(super) struct Skim<'u> {
    shapes: &'u Shapes<'u>,
    entries: &'static [u8],
    /// Where they begin, and how far it has come from there.
    from: usize,
    at: usize,
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
        Ok(Self {
            shapes,
            entries: shapes.unit.header.range_from(from..)?.slice(),
            from: from.0,
            at: 0,
            depth: 0,
        })
    }

    /// The place of the next entry.
    pub(super) fn offset(&self) -> usize {
        self.from + self.at.min(self.entries.len())
    }

    /// Goes on until something is wanted, or children have ended and the next is at most so deep.
    pub(super) fn next(&mut self, up: i32) -> gimli::Result<Option<Seen>> {
        let shapes = &*self.shapes.known;
        while self.at < self.entries.len() {
            let (begin, depth) = (self.at, self.depth);
            let code = self.number();
            if code == 0 {
                self.depth -= 1;
                if self.depth <= up {
                    return Ok(Some(Seen::Up));
                }
                continue;
            }
            let Some(shape) = shapes.get(code) else {
                return Err(gimli::Error::InvalidAbbreviationCode(code as u64));
            };
            self.at += shape.before as usize;
            match shape.differs {
                Differs::None => {}
                Differs::Block => {
                    let size = self.number();
                    self.at += size.min(self.entries.len()) + shape.behind as usize;
                }
                Differs::Number => {
                    self.number();
                    self.at += shape.behind as usize;
                }
                Differs::Else => self.skip_slowly(begin)?,
            }
            self.depth += i32::from(shape.has_children);
            if depth <= shape.deepest {
                return Ok(Some(Seen::Wanted(self.from + begin, depth)));
            }
        }
        Ok(None)
    }

    /// A number in LEB128, of one byte or two mostly. Behind the end there are zeros.
    #[inline(always)]
    fn number(&mut self) -> usize {
        match *self.entries.get(self.at..).unwrap_or_default() {
            [one, ..] if one < 0x80 => {
                self.at += 1;
                one.into()
            }
            [one, two, ..] if two < 0x80 => {
                self.at += 2;
                usize::from(one & 0x7f) | usize::from(two) << 7
            }
            _ => self.long_number(),
        }
    }

    #[cold]
    fn long_number(&mut self) -> usize {
        let rest = self.entries.get(self.at..).unwrap_or_default();
        let (before, mut rest) = (rest.len(), Slice::new(rest, gimli::NativeEndian));
        let number = rest.read_uleb128().unwrap_or(0);
        self.at += before - rest.len();
        usize::try_from(number).unwrap_or(usize::MAX)
    }

    /// Passes over the attributes of an entry one by one.
    fn skip_slowly(&mut self, begin: usize) -> gimli::Result<()> {
        let from = UnitOffset(self.from + begin);
        let mut entries = self.shapes.unit.entries_raw(Some(from))?;
        if let Some(abbreviation) = entries.read_abbreviation()? {
            entries.skip_attributes(abbreviation.attributes())?;
        }
        self.at = entries.next_offset().0.saturating_sub(self.from);
        Ok(())
    }
}
