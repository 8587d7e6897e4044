"""Running the program in a house: how long what is kept (purge with proof), backup and restore, health and figures of the process."""
