//! Roles of tensors and files: embedding, latents, mask, picture, text.

use std::fmt;
use std::str::FromStr;

use crate::{DType, Dim, Port, Ty};

/// Role of a tensor or a file. An embedding and latents may have equal types and are told apart by their roles: a wire
/// between two roles is refused, and editors colour sockets by them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PortRole {
    /// The embedding of a picture that the prior makes and the decoder takes.
    Embedding,
    /// The latents of a picture that the decoder makes and the VQGAN takes.
    Latents,
    /// Shares from 0 to 1 of the pixels of a picture.
    Mask,
    /// A picture.
    Picture,
    /// A text: its states, as a text encoder gives them, or a file.
    Text,
}

impl PortRole {
    /// All roles, in the order of their names.
    pub const ALL: [PortRole; 5] =
        [PortRole::Embedding, PortRole::Latents, PortRole::Mask, PortRole::Picture, PortRole::Text];

    /// The name in signatures.
    pub fn name(self) -> &'static str {
        match self {
            PortRole::Embedding => "embedding",
            PortRole::Latents => "latents",
            PortRole::Mask => "mask",
            PortRole::Picture => "picture",
            PortRole::Text => "text",
        }
    }
}

impl fmt::Display for PortRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for PortRole {
    type Err = String;

    fn from_str(name: &str) -> Result<PortRole, String> {
        let found = PortRole::ALL.into_iter().find(|role| role.name() == name);
        found.ok_or_else(|| {
            let known = PortRole::ALL.map(PortRole::name);
            format!("no role `{name}`{}; roles are {}", crate::did_you_mean(name, known), known.join(", "))
        })
    }
}

impl Port {
    /// The declared role, or that of the type: bytes whose last dimension is 3 are pictures.
    pub fn role(&self) -> Option<PortRole> {
        self.role.or(match &self.ty {
            Ty::Tensor { dtype: DType::U8, dims }
                if dims.len() >= 3 && dims.last() == Some(&Dim::Fixed(3)) =>
            {
                Some(PortRole::Picture)
            }
            _ => None,
        })
    }

    /// Whether a value of another port may be given to this one, by their declared roles.
    pub fn takes_role_of(&self, from: &Port) -> bool {
        self.role.is_none() || from.role.is_none() || self.role == from.role
    }
}
