"""A judge behind HTTP that speaks Kayenta's remote-judge protocol."""
