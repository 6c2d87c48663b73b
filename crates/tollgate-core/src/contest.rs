use crate::{Brief, Capabilities, OfferIndex, Outlook};

/// The offers that compete when nobody named a model: all slices are in their
/// order, so that a scan over thousands reads forwards.
#[derive(Debug, Clone, Copy)]
pub struct Contest<'a> {
    /// Their places.
    pub offers: &'a [OfferIndex],
    /// What is asked about each.
    pub briefs: &'a [Brief],
    /// What is expected of each.
    pub outlooks: &'a [Outlook],
    /// Figures of both, for [`Columns::ABREAST`] offers at a time.
    pub columns: &'a [Columns],
}

/// Figures of neighbouring offers side by side, so that a loop over them is
/// worked out for many at once. Behind the last offer they are 0.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
#[repr(align(64))]
pub struct Columns {
    /// [`Brief::flags`].
    pub flags: [u32; Self::ABREAST],
    /// [`Brief::can`].
    pub can: [Capabilities; Self::ABREAST],
    /// [`Brief::context`].
    pub context: [u32; Self::ABREAST],
    /// [`Brief::max_output`].
    pub max_output: [u32; Self::ABREAST],
    /// [`Brief::untiered_room`].
    pub untiered_room: [u32; Self::ABREAST],
    /// [`Brief::stretch`].
    pub stretch: [u32; Self::ABREAST],
    /// [`Brief::first_token_ms`].
    pub first_token_ms: [f32; Self::ABREAST],
    /// [`Brief::token_ms`].
    pub token_ms: [f32; Self::ABREAST],
    /// [`Outlook::answer_tokens`].
    pub answer_tokens: [u32; Self::ABREAST],
}

impl Columns {
    /// How many offers stand side by side.
    pub const ABREAST: usize = 16;

    /// The figures of offers, in their order.
    pub fn of(briefs: &[Brief], outlooks: &[Outlook]) -> Box<[Self]> {
        let groups = briefs.chunks(Self::ABREAST);
        groups
            .zip(outlooks.chunks(Self::ABREAST))
            .map(|(briefs, outlooks)| {
                let mut columns = Self::default();
                for (at, (brief, outlook)) in briefs.iter().zip(outlooks).enumerate() {
                    columns.flags[at] = u32::from(brief.flags);
                    columns.can[at] = brief.can;
                    columns.context[at] = brief.context;
                    columns.max_output[at] = brief.max_output;
                    columns.untiered_room[at] = brief.untiered_room;
                    columns.stretch[at] = brief.stretch;
                    columns.first_token_ms[at] = brief.first_token_ms;
                    columns.token_ms[at] = brief.token_ms;
                    columns.answer_tokens[at] = outlook.answer_tokens;
                }
                columns
            })
            .collect()
    }
}
