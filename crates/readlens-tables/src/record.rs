use crate::column::Table;
use crate::reader::Source;
use crate::row_group::Sink;

/// A row of a declared table.
pub trait Record: Sized + 'static {
    /// The declaration this row follows.
    const TABLE: &'static Table;

    /// Puts the cells in declared order.
    fn write(&self, sink: &mut Sink<'_>);

    /// Takes the cells in declared order.
    fn read(source: &mut Source<'_>) -> Self;

    /// Checks what no single column can say.
    ///
    /// # Errors
    /// The row contradicts itself.
    fn check(&self) -> Result<(), Broken> {
        Ok(())
    }
}

/// What is wrong with a row as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Broken {
    /// What would have been right.
    pub expected: &'static str,
    /// What the row has.
    pub found: &'static str,
    /// What to do.
    pub remedy: &'static str,
}

/// Declares a table and its row type at once; `=> Kind` is how the column is stored.
macro_rules! record {
    (
        $(#[$about:meta])*
        $name:ident is a row of $table:literal version $version:literal
        $( after $($older:literal),+ with $upgrade:path )?,
        by $($stage:literal),+ : $what:literal
        {
            $( $field:ident: $type:ty => $kind:ident, $unit:literal, $meaning:literal; )+
        }
        $( ranks $taxa:ident: $taxa_meaning:literal; )?
        $( checked by $check:path; )?
    ) => {
        $(#[$about])*
        #[derive(Clone, Debug, PartialEq)]
        pub struct $name {
            $( #[doc = $meaning] pub $field: $type, )+
            $( #[doc = $taxa_meaning] pub $taxa: Vec<Option<String>>, )?
        }

        impl $crate::Record for $name {
            const TABLE: &'static $crate::Table = &$crate::Table {
                name: $table,
                version: $version,
                older: &[ $( $($older),+ )? ],
                writers: &[ $($stage),+ ],
                about: $what,
                columns: &[ $( $crate::Column {
                    name: stringify!($field),
                    kind: $crate::Kind::$kind,
                    nullable: <$type as $crate::cell::Cell>::NULLABLE,
                    unit: $unit,
                    meaning: $meaning,
                    check: <$type as $crate::cell::Cell>::CHECK,
                }, )+ ],
                has_ranks: false $( || { let _ = stringify!($taxa); true } )?,
                upgrade: {
                    const UPGRADES: &[$crate::column::Upgrade] = &[ $( $upgrade )? ];
                    match UPGRADES {
                        [upgrade, ..] => Some(*upgrade),
                        [] => None,
                    }
                },
            };

            fn write(&self, sink: &mut $crate::Sink<'_>) {
                $( sink.put(&self.$field); )+
                $( for taxon in &self.$taxa { sink.put(taxon); } )?
            }

            $( fn check(&self) -> Result<(), $crate::record::Broken> {
                $check(self)
            } )?

            fn read(source: &mut $crate::Source<'_>) -> Self {
                Self {
                    $( $field: source.take(), )+
                    $( $taxa: source.take_rest(), )?
                }
            }
        }
    };
}
pub(crate) use record;
