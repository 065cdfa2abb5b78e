//! How laws are named: by a letter and a number that papers, tests and mutants use, each with a
//! sentence that says what a user would see.
//!
//! Always true: a law without such a sentence does not compile.

/// Names laws: an enum of them, `ALL` in the order in which they stand, and the `meaning` of each,
/// which is what it means to a user when it does not hold.
///
/// ```
/// machines::laws! {
///     /// What must hold of a lift.
///     pub enum Law {
///         /// It moves with its doors closed only.
///         A1: "Somebody fell into the shaft.",
///     }
/// }
/// assert_eq!(Law::ALL, [Law::A1]);
/// assert_eq!(format!("{}: {}", Law::A1, Law::A1.meaning()), "A1: Somebody fell into the shaft.");
/// ```
#[macro_export]
macro_rules! laws {
    (
        $(#[$of:meta])*
        pub enum $law:ident { $($(#[$doc:meta])* $name:ident: $meaning:literal,)* }
    ) => {
        $(#[$of])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $law { $($(#[$doc])* $name,)* }

        impl $law {
            /// All of them.
            pub const ALL: &[$law] = &[$($law::$name,)*];

            /// What it means to a user when it does not hold.
            pub fn meaning(self) -> &'static str {
                match self { $($law::$name => $meaning,)* }
            }
        }

        impl ::std::fmt::Display for $law {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                ::std::write!(f, "{self:?}")
            }
        }
    };
}
