package timeline

import "image/color"

// The colours are told apart also by those who do not tell red from green.
var (
	white    = color.White
	black    = color.Gray{Y: 0x20}
	gray     = color.Gray{Y: 0xb0}
	pale     = color.NRGBA{R: 0x9e, G: 0xc8, B: 0xe6, A: 0x90} // filled: what is really held
	blue     = color.NRGBA{R: 0x1f, G: 0x62, B: 0x9e, A: 0xff} // resident
	orange   = color.NRGBA{R: 0xe6, G: 0x8a, B: 0x00, A: 0xff} // granted
	bar      = color.NRGBA{R: 0xd8, G: 0xdf, B: 0xe6, A: 0xff} // a phase
	demanded = black
)
