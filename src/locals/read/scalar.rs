//! Numbers, characters, truth.

use super::{Place, Read, Reader};
use crate::locals::types::{Kind, Type};
use crate::stack::{Missing, Value};

impl Reader<'_> {
    pub(super) fn scalar(&mut self, of: &Type, place: Place<'_>) -> Read<Value> {
        let mut bytes = [0; 16];
        let size = usize::try_from(of.size).map_err(|_| Missing::Unsupported)?;
        let own = bytes.get_mut(..size).ok_or(Missing::Unsupported)?;
        self.read(place, own)?;
        let number = u128::from_le_bytes(bytes);
        let text = match self.types.kind(self.units, of) {
            Kind::Bool => match number {
                0 => "false".to_owned(),
                1 => "true".to_owned(),
                _ => return Err(Missing::Invalid),
            },
            Kind::Char => {
                let c = u32::try_from(number).ok().and_then(char::from_u32);
                format!("{:?}", c.ok_or(Missing::Invalid)?)
            }
            Kind::Float => float(bytes, size)?,
            Kind::Signed => {
                let free = 128 - 8 * u32::try_from(size).unwrap_or(16);
                let number = number.cast_signed() << free >> free;
                i64::try_from(number).map_or_else(|_| number.to_string(), |it| it.to_string())
            }
            // The wider one takes thrice as long.
            _ => u64::try_from(number).map_or_else(|_| number.to_string(), |it| it.to_string()),
        };
        Ok(Value::Scalar(self.harmless(text)))
    }

    /// A number may be that of a card.
    fn harmless(&self, number: String) -> String {
        if number.len() < SHORTEST_CARD {
            return number;
        }
        self.types.redactor().text(&number).into_owned()
    }
}

const SHORTEST_CARD: usize = 12;

fn float(bytes: [u8; 16], size: usize) -> Read<String> {
    let [a, b, c, d, e, f, g, h, ..] = bytes;
    match size {
        4 => Ok(format!("{:?}", f32::from_le_bytes([a, b, c, d]))),
        8 => Ok(format!(
            "{:?}",
            f64::from_le_bytes([a, b, c, d, e, f, g, h])
        )),
        _ => Err(Missing::Unsupported),
    }
}

/// A raw address.
pub(super) fn address(address: u64) -> Read<Value> {
    Ok(Value::Scalar(format!("{address:#x}")))
}
