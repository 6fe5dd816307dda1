module scene

go 1.25
