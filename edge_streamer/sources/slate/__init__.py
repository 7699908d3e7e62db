"""The slate: the still picture that viewers get while their source gives none."""
