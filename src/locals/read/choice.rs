//! Enums.

use std::sync::Arc;

use super::{Depth, Place, Read, Reader};
use crate::locals::types::{Choice, Type, Variant, masked};
use crate::stack::{Missing, Value};

impl Reader<'_> {
    pub(super) fn choice(
        &mut self,
        of: &Type,
        choice: &Choice,
        place: Place<'_>,
        depth: Depth,
    ) -> Read<Value> {
        let variant = self.variant(choice, place)?;
        if choice.is_plain {
            return match &*variant.fields {
                [] => Ok(Value::Scalar(variant.name.to_string())),
                [inner] => Ok(self.field(inner, place, depth)),
                _ => Err(Missing::Unsupported),
            };
        }
        let inner = match (&*variant.fields, &*of.path) {
            ([], _) | (_, "core::option" | "core::result") => depth,
            _ => depth.into_struct(of)?,
        };
        if choice.is_coroutine {
            return Ok(self.future(of, variant, place, inner));
        }
        Ok(Value::Variant {
            name: Arc::clone(&variant.name),
            fields: self.fields(&variant.fields, place, inner),
        })
    }

    /// A future made by `async`: what it keeps, but for whom it waits.
    fn future(&mut self, of: &Type, variant: &Variant, place: Place<'_>, depth: Depth) -> Value {
        let mut fields: Vec<(Arc<str>, Value)> = Vec::with_capacity(variant.fields.len());
        for field in &variant.fields {
            // An argument stands there twice: as a variable, and as it was handed over.
            let is_known = fields.iter().any(|(known, _)| *known == field.name);
            if is_known || field.name.starts_with("__") {
                continue;
            }
            let value = match field.is_secret {
                true => Value::Missing(Missing::Redacted),
                false => self.field(field, place, depth),
            };
            fields.push((Arc::clone(&field.name), value));
        }
        Value::Variant {
            name: format!("{}::{}", of.path, variant.name).into(),
            fields,
        }
    }

    /// The variant that the tag tells.
    pub(in super::super) fn variant<'c>(
        &mut self,
        choice: &'c Choice,
        place: Place<'_>,
    ) -> Read<&'c Variant> {
        let otherwise = choice
            .otherwise
            .and_then(|index| choice.variants.get(index));
        let found = match choice.tag {
            None => otherwise,
            Some(tag) => {
                let tag = self.number(place.plus(tag.offset)?, tag.size)?;
                let named = choice.variants.iter().find(|v| v.value == Some(tag));
                named.or(otherwise)
            }
        };
        found.ok_or(Missing::Invalid)
    }

    /// An enum without fields.
    pub(super) fn name(
        &mut self,
        of: &Type,
        names: &[(u128, Arc<str>)],
        place: Place<'_>,
    ) -> Read<Value> {
        let value = match of.size {
            0 => names.first().ok_or(Missing::Invalid)?.0,
            size => self.number(place, size)?,
        };
        let found = names.iter().find(|(own, _)| *own == value);
        let (_, name) = found.ok_or(Missing::Invalid)?;
        Ok(Value::Variant {
            name: Arc::clone(name),
            fields: Vec::new(),
        })
    }

    fn number(&mut self, place: Place<'_>, size: u64) -> Read<u128> {
        let mut bytes = [0; 16];
        let own = usize::try_from(size)
            .ok()
            .and_then(|size| bytes.get_mut(..size));
        self.read(place, own.ok_or(Missing::Unsupported)?)?;
        Ok(masked(u128::from_le_bytes(bytes), size))
    }
}
